#pragma once
// Which engine trains a job.
#include <optional>
#include <string>

#include "models/engine.hpp"
#include "os/cpu.hpp"
#include "records/asked.hpp"

namespace scalelaw::inline models {

enum class EngineKind { torch, native };
constexpr std::array<std::string_view, 2> names_of(EngineKind) { return {"torch", "native"}; }

struct EngineChoice {
  EngineKind kind = EngineKind::torch;
  std::optional<InstructionSet> instruction_set = std::nullopt;  ///< of the native engine
  std::string reason;                                            ///< for the record, "native avx2: the rule on a CPU"
};

/// The rule of `auto`: native on a CPU where it takes the shape,
/// with the best instruction set; else torch. Errors (config): native asked for on CUDA, or for a shape or precision it
/// cannot take; auto for bf16 on a CPU without AMX; (device): an instruction set asked for that is not here.
[[nodiscard]] EngineChoice choose_engine(AskedEngine asked, const ModelSpec& model, const Device& device,
                                         Precision precision);

/// The same on a processor whose best instruction set for that precision is `best`, if it has one: the rule
/// itself, whatever processor this is.
[[nodiscard]] EngineChoice choose_engine_with(std::optional<InstructionSet> best, AskedEngine asked,
                                              const ModelSpec& model, const Device& device, Precision precision);

/// The engine chosen, bound to its buffers.
[[nodiscard]] Engine make_engine(const EngineChoice& choice, const Layout& layout, const Device& device,
                                 const EngineBuffers& buffers, Precision precision);

}  // namespace scalelaw::inline models
