#pragma once
// In which precision a study trains: one for all of its runs.
#include <filesystem>
#include <string>

#include "exec/backend.hpp"

namespace scalelaw::inline exec {

struct PrecisionChoice {
  Precision precision = Precision::fp32;
  std::string reason;  ///< of the rule, for the user; empty where the config names the precision
};

/// training.precision, or for `auto`: what the study folder began with (its study.toml), so that no study mixes
/// precisions, wherever it is resumed; else bf16 on CUDA, and on a CPU with AMX if every shape has a d_model of at
/// least kAmxWidth (below, rounding and rearranging the factors costs more than faster products save); else fp32.
/// Errors (device): bf16 on a CPU without AMX, unless training.engine is torch.
[[nodiscard]] PrecisionChoice choose_precision(const StudyConfig& config, const BackendChoice& backend,
                                               const Environment& environment, const std::filesystem::path& study);
constexpr std::int64_t kAmxWidth = 64;

}  // namespace scalelaw::inline exec
