#include "models/engine_choice.hpp"

#include "core/error.hpp"
#include "models/native/native.hpp"

namespace scalelaw {

EngineChoice choose_engine(const std::string& asked, const ModelSpec& model, const Device& device,
                           const std::string& precision) {
  std::string refusal;
  if (device.kind == DeviceKind::cuda) {
    refusal = "the native engine runs on a CPU only";
  } else if (precision != "fp32") {
    refusal = fmt::format("the native engine computes in fp32, not in {}", precision);
  } else {
    refusal = native_refusal(model);
  }
  if (asked == "native" && !refusal.empty())
    fail_config("training.engine: {}; set engine = \"torch\" or \"auto\"", refusal);
  const std::string torch = "torch " + torch_version();
  if (asked == "torch") return {.kind = "torch", .reason = torch + ": asked for"};
  if (!refusal.empty()) return {.kind = "torch", .reason = fmt::format("{}: {}", torch, refusal)};
  const std::string native = "native " + native_instruction_sets().front();
  return {.kind = "native", .reason = native + (asked == "native" ? ": asked for" : ": the rule on a CPU")};
}

Engine make_engine(const EngineChoice& choice, const Layout& layout, const Device& device, const EngineBuffers& buffers,
                   const std::string& precision) {
  return choice.kind == "native" ? make_native_engine(layout, buffers)
                                 : make_torch_engine(layout, device, buffers, {.precision = precision});
}

}  // namespace scalelaw
