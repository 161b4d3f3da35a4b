#include "models/engine_choice.hpp"

#include "models/native/native.hpp"
#include "os/error.hpp"

namespace scalelaw {

EngineChoice choose_engine(AskedEngine asked, const ModelSpec& model, const Device& device, Precision precision) {
  const EngineChoice choice = choose_engine_with(native_instruction_set(precision), asked, model, device, precision);
  if (choice.kind == EngineKind::native) check_native_instruction_set(choice.instruction_set, precision);
  return choice;
}

EngineChoice choose_engine_with(const std::string& best, AskedEngine asked, const ModelSpec& model,
                                const Device& device, Precision precision) {
  constexpr std::string_view kForced = "native-";
  const std::string_view name = name_of(asked);
  const bool forced = name.starts_with(kForced);
  const std::string set = forced ? std::string(name.substr(kForced.size())) : best;
  std::string refusal;
  if (device.kind == DeviceKind::cuda) {
    refusal = "the native engine runs on a CPU only";
  } else if (set.empty()) {
    refusal = fmt::format("the native engine computes in {} only with AMX, which is not here", precision);
  } else {
    refusal = native_refusal(model);
  }
  if ((forced || asked == AskedEngine::native) && !refusal.empty()) {
    fail_config("training.engine: {}; set engine = \"torch\" or \"auto\"", refusal);
  }
  const std::string torch = "torch " + torch_version();
  if (asked == AskedEngine::automatic && set.empty() && device.kind == DeviceKind::cpu) {
    fail_config(
        "training.precision: {} on a CPU needs AMX, which is not here (LibTorch would only be slower than in fp32); "
        "set "
        "precision = \"fp32\" or \"auto\", or engine = \"torch\" to do it nevertheless",
        precision);
  }
  if (asked == AskedEngine::torch)
    return {.kind = EngineKind::torch, .instruction_set = "", .reason = torch + ": asked for"};
  if (!refusal.empty()) {
    return {.kind = EngineKind::torch, .instruction_set = "", .reason = fmt::format("{}: {}", torch, refusal)};
  }
  return {
      .kind = EngineKind::native,
      .instruction_set = set,
      .reason = fmt::format("native {}: {}", set, asked == AskedEngine::automatic ? "the rule on a CPU" : "asked for")};
}

Engine make_engine(const EngineChoice& choice, const Layout& layout, const Device& device, const EngineBuffers& buffers,
                   Precision precision) {
  return choice.kind == EngineKind::native ? make_native_engine(layout, buffers, choice.instruction_set)
                                           : make_torch_engine(layout, device, buffers, {.precision = precision});
}

}  // namespace scalelaw
