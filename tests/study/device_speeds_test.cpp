// The table of a device's steps, and the law of two constants that stands for it.
#include "study/device_speeds.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "os/files.hpp"
#include "records/job.hpp"
#include "records/shape.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;

/// Six rows of two precisions; those of bf16 take `step_s` of (n_layer, FLOPs).
template <class Seconds>
Json table_of(const Seconds& step_s) {
  Json rows = Json::array();
  for (const char* precision : {"bf16", "fp32"}) {
    for (const std::int64_t layers : {2, 4, 8}) {
      for (const std::int64_t members : {1, 32}) {
        const ModelSpec model{.d_model = 32 * layers,
                              .n_layer = layers,
                              .d_head = 16,
                              .n_head = 2 * layers,
                              .d_ff = 128 * layers,
                              .context = 64,
                              .vocab = 128};
        const double flops = static_cast<double>(members * 1024) * flops_per_token(model);
        rows.push_back({{"n_layer", model.n_layer},
                        {"d_model", model.d_model},
                        {"d_head", model.d_head},
                        {"context", model.context},
                        {"vocab", model.vocab},
                        {"members", members},
                        {"batch_tokens", 1024},
                        {"precision", precision},
                        {"graph", "auto"},
                        {"flops_per_step", flops},
                        {"step_s", std::string(precision) == "bf16" ? step_s(layers, flops) : 1.0}});
      }
    }
  }
  return {{"schema", "scalelaw.device_speeds/1"}, {"device", "Device A"}, {"torch", "2.11.0"}, {"rows", rows}};
}

/// The seconds of a row by a law of two constants.
auto line(double launch_s_per_layer, double s_per_flop) {
  return [=](std::int64_t layers, double flops) {
    return launch_s_per_layer * (static_cast<double>(layers) + 2) + s_per_flop * flops;
  };
}

DeviceSpeeds read_table(const Json& value) {
  const auto file = fresh_folder("device_speeds") / "table.json";
  write_json_file(file, value);
  return read_device_speeds(file);
}

StepLaw law_of(const Json& value) {
  return fit_step_law(read_table(value), Precision::bf16, AskedGraph::automatic, "table.json");
}

TEST(StepLaw, IsRecoveredFromRowsThatFollowIt) {
  const Json table = table_of(line(3e-5, 2e-14));
  const StepLaw law = law_of(table);
  EXPECT_NEAR(law.launch_s_per_layer, 3e-5, 1e-12);
  EXPECT_NEAR(law.s_per_flop, 2e-14, 1e-21);
  EXPECT_LT(law.rms_error, 1e-7);
  EXPECT_EQ(law.rows, 6);
  EXPECT_EQ(law.device, "Device A");
  EXPECT_DOUBLE_EQ(law.least_flops, table["rows"][0]["flops_per_step"].get<double>());
  EXPECT_DOUBLE_EQ(law.most_flops, table["rows"][5]["flops_per_step"].get<double>());
  EXPECT_DOUBLE_EQ(step_seconds(law, 6, 1e12), law.launch_s_per_layer * 8 + law.s_per_flop * 1e12);
}

TEST(StepLaw, IsTheBestInRelativeErrorNearIt) {
  // Errors of 10 % that alternate, so that no line fits.
  int row = 0;
  const Json table = table_of([&](std::int64_t layers, double flops) {
    return (row++ % 2 == 0 ? 1.1 : 0.9) * line(3e-5, 2e-14)(layers, flops);
  });
  const StepLaw best = law_of(table);
  const auto rms = [&](const StepLaw& law) {
    double sum = 0;
    for (std::size_t i = 0; i < 6; ++i) {
      const Json& r = table["rows"][i];
      const double error = step_seconds(law, r["n_layer"].get<std::int64_t>(), r["flops_per_step"].get<double>()) /
                               r["step_s"].get<double>() -
                           1;
      sum += error * error;
    }
    return std::sqrt(sum / 6);
  };
  EXPECT_NEAR(rms(best), best.rms_error, 1e-12);
  EXPECT_GT(best.rms_error, 0.05);
  EXPECT_LT(best.rms_error, 0.11);
  for (const double factor : {0.99, 1.01}) {
    StepLaw other = best;
    other.launch_s_per_layer *= factor;
    EXPECT_GT(rms(other), best.rms_error);
    other = best;
    other.s_per_flop *= factor;
    EXPECT_GT(rms(other), best.rms_error);
  }
}

TEST(StepLaw, HasNoNegativeConstant) {
  const StepLaw no_launches = law_of(table_of(line(-1e-7, 1e-12)));
  EXPECT_EQ(no_launches.launch_s_per_layer, 0);
  EXPECT_NEAR(no_launches.s_per_flop, 1e-12, 1e-14);
  const StepLaw only_launches = law_of(table_of(line(1e-3, -1e-17)));
  EXPECT_EQ(only_launches.s_per_flop, 0);
  EXPECT_NEAR(only_launches.launch_s_per_layer, 1e-3, 1e-5);
}

TEST(StepLaw, TakesRowsOfOneShapeAsFlopsAlone) {
  Json table = table_of([](std::int64_t, double) { return 0.5; });
  table["rows"] = Json::array({table["rows"][2], table["rows"][2], table["rows"][2]});
  const StepLaw law = law_of(table);
  EXPECT_EQ(law.launch_s_per_layer, 0);
  EXPECT_DOUBLE_EQ(step_seconds(law, 9, law.least_flops), 0.5);
}

TEST(StepLaw, NeedsThreeRowsOfThePrecisionAndGraphSetting) {
  Json value = table_of(line(1, 0));
  for (int i = 0; i < 4; ++i) value["rows"].erase(value["rows"].begin());  // two of bf16 are left
  const DeviceSpeeds table = read_table(value);
  EXPECT_EQ(fit_step_law(table, Precision::fp32, AskedGraph::automatic, "t.json").rows, 6);
  EXPECT_EQ(
      error_of(ExitCode::data, [&] { (void)fit_step_law(table, Precision::bf16, AskedGraph::automatic, "t.json"); }),
      "t.json: 2 rows of bf16 with graph auto, and the study needs 3 at least; it has rows of: bf16 with graph "
      "auto, fp32 with graph auto");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)fit_step_law(table, Precision::fp32, AskedGraph::off, "t.json"); }),
              HasSubstr("t.json: 0 rows of fp32 with graph off"));
}

TEST(SpeedByLaw, SharesAStepAmongItsMembersAndEvaluatesForAThird) {
  StepLaw law;
  law.launch_s_per_layer = 1e-4;
  law.s_per_flop = 1e-13;
  RunSpec one;
  one.model.n_layer = 6;
  one.data.tokens = 100 * one.data.batch_tokens;
  RunSpec two = one;
  two.seed = 1;
  const double token = flops_per_token(one.model), batch = static_cast<double>(one.data.batch_tokens);
  EXPECT_DOUBLE_EQ(step_flops({one}), token * batch);
  EXPECT_DOUBLE_EQ(step_flops({one, two}), 2 * token * batch);
  EXPECT_DOUBLE_EQ(speed_by_law(law, {one}).member_step_s, 8e-4 + 1e-13 * token * batch);
  EXPECT_DOUBLE_EQ(speed_by_law(law, {one, two}).member_step_s, 4e-4 + 1e-13 * token * batch);
  const double at_once = static_cast<double>(kDeviceEvalTokens);
  EXPECT_DOUBLE_EQ(speed_by_law(law, {one}).eval_token_s, 8e-4 / at_once + 1e-13 * token / 3);
}

TEST(ReadDeviceSpeeds, ErrorsNameTheFileAndTheKey) {
  const Json good = table_of(line(1, 0));
  EXPECT_EQ(read_table(good).rows.size(), 12U);
  const auto error_with = [&](auto change) {
    Json value = good;
    change(value);
    const std::string error = error_of(ExitCode::data, [&] { (void)read_table(value); });
    EXPECT_THAT(error, HasSubstr("table.json: "));
    return error;
  };
  EXPECT_THAT(error_with([](Json& t) { t["schema"] = "scalelaw.device_speeds/9"; }), HasSubstr("key 'schema'"));
  EXPECT_THAT(error_with([](Json& t) { t.erase("device"); }), HasSubstr("key 'device' is missing"));
  EXPECT_THAT(error_with([](Json& t) { t["rows"] = 3; }), HasSubstr("key 'rows' must be an array"));
  EXPECT_THAT(error_with([](Json& t) { t["rows"][3].erase("step_s"); }), HasSubstr("key 'rows[3].step_s' is missing"));
  EXPECT_THAT(error_with([](Json& t) { t["rows"][3]["step_s"] = 0; }),
              HasSubstr("key 'rows[3].step_s' is 0; allowed: > 0"));
  EXPECT_THAT(error_with([](Json& t) { t["rows"][1]["precision"] = "fp16"; }), HasSubstr("key 'rows[1].precision'"));
  EXPECT_THAT(error_with([](Json& t) { t["rows"][1]["member"] = 1; }), HasSubstr("did you mean 'members'?"));
  EXPECT_THAT(error_with([](Json& t) {
                t["rows"][1]["flops_per_step"] = t["rows"][1]["flops_per_step"].get<double>() / 32;  // of one member
              }),
              HasSubstr("key 'rows[1].flops_per_step' is "));
  const auto file = fresh_folder("damaged") / "t.json";
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_device_speeds(file); }), HasSubstr("t.json"));
  write_file_atomic(file, "{ cut");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_device_speeds(file); }), HasSubstr("not valid JSON"));
}

}  // namespace
}  // namespace scalelaw
