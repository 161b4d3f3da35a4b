#pragma once
// Which engine trains a job.
#include <string>

#include "models/engine.hpp"

namespace scalelaw {

struct EngineChoice {
  std::string kind = "torch";  ///< native | torch
  std::string reason;          ///< for the record, "native avx2: the rule on a CPU"
};

/// @param asked auto | native | torch. The rule of `auto`: native on a CPU, in fp32, where it takes the shape; else
/// torch. Errors (config): native asked for on CUDA, for bf16, or for a shape it cannot take.
[[nodiscard]] EngineChoice choose_engine(const std::string& asked, const ModelSpec& model, const Device& device,
                                         const std::string& precision);

/// The engine chosen, bound to its buffers.
[[nodiscard]] Engine make_engine(const EngineChoice& choice, const Layout& layout, const Device& device,
                                 const EngineBuffers& buffers, const std::string& precision);

}  // namespace scalelaw
