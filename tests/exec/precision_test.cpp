// The rule of training.precision = "auto".
#include "exec/precision.hpp"

#include <gtest/gtest.h>

#include "error_of.hpp"
#include "os/error.hpp"
#include "study/store.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

StudyConfig config_with(AskedPrecision precision, std::vector<std::int64_t> widths) {
  StudyConfig config;
  config.name = "precision";
  config.design.kind = DesignKind::grid;
  config.design.widths = std::move(widths);
  config.design.depths = {2};
  config.design.tokens = {100000};
  config.design.learning_rates = {0.01};
  config.design.seeds = {1};
  config.model.spec.d_head = 16;
  config.backend.kind = BackendKind::train;
  config.training.precision = precision;
  return config;
}

const Environment kAmx{.cpu_trainer = {}, .cuda_trainer = {}, .cuda_devices = 0, .cores = 2, .amx_bf16 = true};
const Environment kPlain{.cpu_trainer = {}, .cuda_trainer = {}, .cuda_devices = 0, .cores = 2, .amx_bf16 = false};

BackendChoice trained_on(DeviceKind device) {
  return {.simulate = false, .device = device, .command = {"trainer"}, .workers = 1, .note = "", .fallback = ""};
}

TEST(ChoosePrecision, FollowsItsRule) {
  const StudyConfig wide = config_with(AskedPrecision::automatic, {64, 128}),
                    narrow = config_with(AskedPrecision::automatic, {48, 128});
  EXPECT_EQ(choose_precision(wide, trained_on(DeviceKind::cuda), kPlain, {}).precision, Precision::bf16);
  EXPECT_EQ(choose_precision(narrow, trained_on(DeviceKind::cuda), kPlain, {}).precision, Precision::bf16);
  EXPECT_EQ(choose_precision(wide, trained_on(DeviceKind::cpu), kAmx, {}).precision, Precision::bf16);
  EXPECT_EQ(choose_precision(narrow, trained_on(DeviceKind::cpu), kAmx, {}).precision, Precision::fp32);
  EXPECT_NE(choose_precision(narrow, trained_on(DeviceKind::cpu), kAmx, {}).reason.find("d_model 48"),
            std::string::npos);
  EXPECT_EQ(choose_precision(wide, trained_on(DeviceKind::cpu), kPlain, {}).precision, Precision::fp32);
  StudyConfig torch = wide;
  torch.training.trainer.engine = AskedEngine::torch;
  EXPECT_EQ(choose_precision(torch, trained_on(DeviceKind::cpu), kAmx, {}).precision, Precision::fp32);
  BackendChoice simulated = trained_on(DeviceKind::cuda);
  simulated.simulate = true;
  EXPECT_EQ(choose_precision(wide, simulated, kAmx, {}).precision, Precision::fp32);
}

TEST(ChoosePrecision, LeavesWhatTheConfigNames) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    const PrecisionChoice choice =
        choose_precision(config_with(asked(precision), {64}), trained_on(DeviceKind::cpu), kAmx, {});
    EXPECT_EQ(choice.precision, precision);
    EXPECT_EQ(choice.reason, "");
  }
}

TEST(ChoosePrecision, Bf16OnACpuNeedsAmxOrTheTorchEngine) {
  StudyConfig config = config_with(AskedPrecision::bf16, {64});
  const std::string error =
      error_of(ExitCode::device, [&] { (void)choose_precision(config, trained_on(DeviceKind::cpu), kPlain, {}); });
  EXPECT_NE(error.find("needs AMX"), std::string::npos) << error;
  EXPECT_EQ(choose_precision(config, trained_on(DeviceKind::cuda), kPlain, {}).precision, Precision::bf16);
  config.training.trainer.engine = AskedEngine::torch;
  EXPECT_EQ(choose_precision(config, trained_on(DeviceKind::cpu), kPlain, {}).precision, Precision::bf16);
  config.training.trainer.engine = AskedEngine::automatic;
  config.backend.kind = BackendKind::command;  // another program's business
  EXPECT_EQ(choose_precision(config, trained_on(DeviceKind::cpu), kPlain, {}).precision, Precision::bf16);
}

TEST(ChoosePrecision, AStudyKeepsThatItBeganWith) {
  const auto folder = fresh_folder("precision");
  StudyConfig begun = config_with(AskedPrecision::fp32, {64});
  write_study_config(folder, begun);
  EXPECT_EQ(choose_precision(config_with(AskedPrecision::automatic, {64}), trained_on(DeviceKind::cpu), kAmx, folder)
                .precision,
            Precision::fp32);
  begun.training.precision = AskedPrecision::bf16;
  write_study_config(folder, begun);
  EXPECT_EQ(choose_precision(config_with(AskedPrecision::automatic, {32}), trained_on(DeviceKind::cpu), kAmx, folder)
                .precision,
            Precision::bf16);
  EXPECT_THROW(
      (void)choose_precision(config_with(AskedPrecision::automatic, {64}), trained_on(DeviceKind::cpu), kPlain, folder),
      Error);
}

}  // namespace
}  // namespace scalelaw
