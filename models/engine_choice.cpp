#include "models/engine_choice.hpp"

#include "core/names.hpp"
#include "models/native/native.hpp"
#include "os/error.hpp"

namespace scalelaw::inline models {

namespace {

/// The instruction set that is named with the engine.
std::optional<InstructionSet> forced_set(AskedEngine asked) {
  switch (asked) {
    case AskedEngine::native_amx:
      return InstructionSet::amx;
    case AskedEngine::native_avx512:
      return InstructionSet::avx512;
    case AskedEngine::native_avx2:
      return InstructionSet::avx2;
    case AskedEngine::native_baseline:
      return InstructionSet::baseline;
    case AskedEngine::automatic:
    case AskedEngine::native:
    case AskedEngine::torch:
      break;
  }
  return std::nullopt;
}

}  // namespace

EngineChoice choose_engine(AskedEngine asked, const ModelSpec& model, const Device& device, Precision precision) {
  const EngineChoice choice = choose_engine_with(best_instruction_set(precision), asked, model, device, precision);
  if (choice.instruction_set) check_native_instruction_set(*choice.instruction_set, precision);
  return choice;
}

EngineChoice choose_engine_with(std::optional<InstructionSet> best, AskedEngine asked, const ModelSpec& model,
                                const Device& device, Precision precision) {
  const std::optional<InstructionSet> forced = forced_set(asked), set = forced ? forced : best;
  std::string refusal;
  if (device.kind == DeviceKind::cuda) {
    refusal = "the native engine runs on a CPU only";
  } else if (!set) {
    refusal = fmt::format("the native engine computes in {} only with AMX, which is not here", precision);
  } else {
    refusal = native_refusal(model);
  }
  if ((forced || asked == AskedEngine::native) && !refusal.empty()) {
    fail_config("training.engine: {}; set engine = \"torch\" or \"auto\"", refusal);
  }
  const std::string torch = "torch " + torch_version();
  if (asked == AskedEngine::automatic && !set && device.kind == DeviceKind::cpu) {
    fail_config(
        "training.precision: {} on a CPU needs AMX, which is not here (LibTorch would only be slower than in fp32); "
        "set "
        "precision = \"fp32\" or \"auto\", or engine = \"torch\" to do it nevertheless",
        precision);
  }
  if (asked == AskedEngine::torch)
    return {.kind = EngineKind::torch, .instruction_set = {}, .reason = torch + ": asked for"};
  if (!refusal.empty()) {
    return {.kind = EngineKind::torch, .instruction_set = {}, .reason = fmt::format("{}: {}", torch, refusal)};
  }
  return {.kind = EngineKind::native,
          .instruction_set = set,
          .reason =
              fmt::format("native {}: {}", *set, asked == AskedEngine::automatic ? "the rule on a CPU" : "asked for")};
}

Engine make_engine(const EngineChoice& choice, const Layout& layout, const Device& device, const EngineBuffers& buffers,
                   Precision precision) {
  return choice.kind == EngineKind::native ? make_native_engine(layout, buffers, choice.instruction_set)
                                           : make_torch_engine(layout, device, buffers, {.precision = precision});
}

}  // namespace scalelaw::inline models
