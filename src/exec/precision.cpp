#include "exec/precision.hpp"

#include <algorithm>
#include <limits>

#include "os/error.hpp"
#include "study/store.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::inline exec {
namespace {

/// Of a study folder; none where there is none, or where it was not decided.
std::optional<Precision> begun_with(const std::filesystem::path& study) {
  std::error_code error;
  if (study.empty() || !std::filesystem::exists(config_path(study), error)) return {};
  try {
    const AskedPrecision kept = read_kept_config(config_path(study)).training.precision;
    return kept == AskedPrecision::automatic ? std::nullopt : std::optional(decided(kept));
  } catch (const Error&) {
    return {};  // it is written anew
  }
}

std::int64_t narrowest(const StudyConfig& config) {
  const Plan plan = study_plan(config, /*simulate=*/false, nullptr);
  std::int64_t width = std::numeric_limits<std::int64_t>::max();
  for (const PlannedRun& run : plan.runs) width = std::min(width, run.spec.model.d_model);
  for (const PlannedRun& run : plan.transfer) width = std::min(width, run.spec.model.d_model);
  return width;
}

PrecisionChoice by_rule(const StudyConfig& config, const BackendChoice& backend, const Environment& environment,
                        const std::filesystem::path& study) {
  const AskedPrecision wanted = config.training.precision;
  if (wanted != AskedPrecision::automatic) return {decided(wanted), ""};
  if (const auto before = begun_with(study)) {
    return {*before, fmt::format("precision auto: {}, as the study began", *before)};
  }
  if (backend.simulate || config.backend.kind == BackendKind::command) {
    return {Precision::fp32, "precision auto: fp32, since this program does not train"};
  }
  if (backend.device == DeviceKind::cuda) return {Precision::bf16, "precision auto: bf16, the rule on CUDA"};
  const AskedEngine engine = config.training.trainer.engine;
  const bool tiles =
      engine == AskedEngine::automatic || engine == AskedEngine::native || engine == AskedEngine::native_amx;
  if (!environment.amx_bf16 || !tiles) {
    return {Precision::fp32, fmt::format("precision auto: fp32, the rule on a CPU {}",
                                         environment.amx_bf16 ? "with another engine than native-amx" : "without AMX")};
  }
  const std::int64_t width = narrowest(config);
  if (width < kAmxWidth) {
    return {Precision::fp32,
            fmt::format("precision auto: fp32, since a shape has d_model {} and bf16 pays from {}", width, kAmxWidth)};
  }
  return {Precision::bf16, "precision auto: bf16, the rule on a CPU with AMX"};
}

}  // namespace

PrecisionChoice choose_precision(const StudyConfig& config, const BackendChoice& backend,
                                 const Environment& environment, const std::filesystem::path& study) {
  PrecisionChoice choice = by_rule(config, backend, environment, study);
  const bool cpu =
      !backend.simulate && config.backend.kind != BackendKind::command && backend.device == DeviceKind::cpu;
  if (choice.precision == Precision::bf16 && cpu && !environment.amx_bf16 &&
      config.training.trainer.engine != AskedEngine::torch) {
    fail_device(
        "training.precision: bf16 on a CPU needs AMX, which is not here{}; set precision = \"fp32\", or engine = "
        "\"torch\" to train in bf16 all the same, slower than in fp32",
        choice.reason.empty() ? "" : " (the study began in bf16)");
  }
  return choice;
}

}  // namespace scalelaw::inline exec
