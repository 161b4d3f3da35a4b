// scalelaw forecast, scalelaw fit --rollout and design.hold as programs.
#include <gmock/gmock.h>

#include "cli/small_design.hpp"
#include "fit/fixtures.hpp"
#include "program.hpp"
#include "study/store.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class ForecastCommand : public testing::Test {
 protected:
  void SetUp() override {
    points_ = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.005, 1);
    write_file_atomic(folder_ / "runs.csv", observations_csv(points_));
  }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  [[nodiscard]] Json read(const char* name) const { return read_json_file(folder_ / name); }
  TempFolder folder_;
  std::vector<Observation> points_;
};

TEST_F(ForecastCommand, IsWrittenOnceWithItsInputsAndOptions) {
  const std::string command = "forecast runs.csv --params 2e7 --tokens 5e8 --bootstrap 60 --seed 7 --out f.json";
  const ProgramResult made = run(command);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_THAT(made.out, AllOf(HasSubstr("95 % interval of one new run"), HasSubstr("scatter of the residuals"),
                              HasSubstr("written to f.json")));
  const Json f = read("f.json");
  EXPECT_EQ(f.at("schema"), "scalelaw.forecast/1");
  EXPECT_EQ(f.at("inputs").at(0).at("sha256"), sha256_hex(read_text_file(folder_ / "runs.csv")));
  EXPECT_EQ(f.at("fit").at("seed"), 7);
  EXPECT_EQ(f.at("fit").at("replicates"), 60);
  EXPECT_EQ(f.at("noise"), "residuals");
  EXPECT_LT(f.at("run_ci95").at(0), f.at("law_ci95").at(0));
  EXPECT_THAT(f.at("created").get<std::string>(), testing::MatchesRegex("20..-..-..T..:..:..Z"));
  const std::string bytes = read_text_file(folder_ / "f.json");
  run(command).expect_error(2, "f.json: is there already");
  EXPECT_EQ(read_text_file(folder_ / "f.json"), bytes);
}

TEST_F(ForecastCommand, IsTheFitOfScalelawFit) {
  const Json fit = run("fit runs.csv --law chinchilla --objective log-mse --bootstrap 60 --json -").json();
  ASSERT_EQ(run("fit runs.csv --objective log-mse --bootstrap 60 --json fit.json").code, 0);
  const std::string point = " --params 2e7 --tokens 5e8 ";
  ASSERT_EQ(run("forecast runs.csv --objective log-mse --bootstrap 60 --out a.json" + point).code, 0);
  ASSERT_EQ(run("forecast fit.json --out b.json" + point).code, 0);
  const Json a = read("a.json"), b = read("b.json");
  EXPECT_EQ(a.at("constants"), fit.at("params"));
  for (const char* key : {"loss", "law_ci95", "run_ci95", "constants", "noise", "extrapolation"}) {
    EXPECT_EQ(a.at(key), b.at(key)) << key;
  }
  EXPECT_EQ(b.at("inputs").at(0).at("file"), "fit.json");
  run("forecast fit.json --law kaplan --out c.json" + point).expect_error(2, "is a fit already");
}

TEST_F(ForecastCommand, ADefaultNameHoldsTheTime) {
  const ProgramResult made = run("forecast runs.csv --flops 1e16 --bootstrap 60");
  ASSERT_EQ(made.code, 0) << made.err;
  int found = 0;
  for (const auto& entry : fs::directory_iterator(folder_.path())) {
    if (entry.path().filename().string().starts_with("forecast-20")) ++found;
  }
  EXPECT_EQ(found, 1);
}

TEST_F(ForecastCommand, IsScoredByTheRunAtItsPoint) {
  ASSERT_EQ(run("forecast runs.csv --params 2e7 --tokens 5e8 --bootstrap 60 --out f.json").code, 0);
  const double loss = predict_loss(test::tiny_law(), Scale{.params = 2e7, .tokens = 5e8});
  write_file_atomic(folder_ / "new.csv", fmt::format("run,params,tokens,loss\nmine,2.01e7,5e8,{}\n", loss));
  const ProgramResult text = run("forecast --score f.json new.csv");
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("observed"), HasSubstr("inside the 95 % interval"), Not(HasSubstr("caution"))));
  const Json score = run("forecast --score f.json new.csv --json -").json();
  EXPECT_EQ(score.at("schema"), "scalelaw.forecast_score/1");
  EXPECT_EQ(score.at("runs").at(0).at("inside"), true);
  EXPECT_LT(std::abs(score.at("runs").at(0).at("error_intervals").get<double>()), 1);
  write_file_atomic(folder_ / "bad.csv", fmt::format("params,tokens,loss\n2e7,5e8,{}\n", 1.5 * loss));
  EXPECT_THAT(run("forecast --score f.json bad.csv").out, HasSubstr("OUTSIDE"));
  run("forecast --score f.json runs.csv").expect_error(3, "the nearest is");
  run("forecast --score runs.csv new.csv").expect_error(3, "runs.csv");
  run("forecast --score none.json new.csv").expect_error(3, "none.json: there is no such file");
  run("forecast --score f.json new.csv --flops 1e9").expect_error(2, "--flops");
}

TEST_F(ForecastCommand, AScoreByItsOwnInputsIsNoTest) {
  const Observation& o = points_.back();
  ASSERT_EQ(
      run(fmt::format("forecast runs.csv --params {} --tokens {} --bootstrap 60 --out f.json", o.params, o.tokens))
          .code,
      0);
  EXPECT_THAT(run("forecast --score f.json runs.csv").out, HasSubstr("caution: runs.csv is among the inputs"));
}

TEST_F(ForecastCommand, WhatCannotBeForecastIsRefused) {
  run("forecast runs.csv --out f.json").expect_error(2, "--params N --tokens D");
  run("forecast runs.csv --params 1e6 --out f.json").expect_error(2, "belong together");
  run("forecast none.csv --flops 1e16 --out f.json").expect_error(3, "none.csv");
  run("forecast - --flops 1e16 --out f.json").expect_error(2, "by their hash");
  run("forecast runs.csv --law optimal --flops 1e16 --out f.json").expect_error(3, "");
  run("forecast runs.csv --law power-n --flops 1e16 --out f.json").expect_error(2, "");
  EXPECT_FALSE(fs::exists(folder_ / "f.json"));
}

TEST_F(ForecastCommand, RolloutIsATableAndAnObject) {
  const ProgramResult e = run("fit runs.csv --rollout C --bootstrap 0 --json fit.json");
  ASSERT_EQ(e.code, 0) << e.err;
  EXPECT_THAT(e.out, AllOf(HasSubstr("rollout by C"), HasSubstr("best runs' line"), HasSubstr("10¹⁵")));
  const Json windows = read("fit.json").at("rollout").at("windows");
  EXPECT_EQ(windows.back().at("at_next").at("n"), 7);
  EXPECT_EQ(windows.back().at("fitted"), 28);
  run("fit runs.csv --rollout X").expect_error(2, "--rollout");
  run("fit runs.csv --rollout C --method isoflop").expect_error(2, "--rollout");
  run("fit runs.csv --rollout C --all").expect_error(2, "--rollout");
}

class HoldCommand : public testing::Test {
 protected:
  /// The small design with these keys of [design], simulated.
  [[nodiscard]] ProgramResult study(const std::string& keys) const {
    std::string text = test::kSmallDesign;
    const std::string three = "budgets = [1e19, 1e20, 1e21]";
    text.replace(text.find(three), three.size(), "budgets = [1e18, 1e19, 1e20, 1e21]\n" + keys);
    write_file_atomic(folder_ / "small.toml", text + R"([simulation]
law = "besiroglu2024"
noise = 0.002
[analysis]
bootstrap = 40
[compare]
studies = 40
)");
    return run_scalelaw(folder_, "study small.toml --backend simulate --out s");
  }
  /// N and D of one of the smallest runs.
  [[nodiscard]] Json a_fitted_run() const {
    const auto points = read_observations(folder_ / "s/records.csv");
    const auto least = std::ranges::min_element(points, {}, &Observation::flops);
    return {{"params", least->params}, {"tokens", least->tokens}};
  }
  TempFolder folder_;
};

TEST_F(HoldCommand, KeepsABudgetOutOfTheFitAndScoresIt) {
  const ProgramResult e = study("hold = [1e21]\n");
  ASSERT_EQ(e.code, 0) << e.err;
  EXPECT_THAT(e.out, HasSubstr("held out at 10²¹ FLOPs: 5 points"));
  const Json fit = read_json_file(folder_ / "s/fits/parametric.json");
  EXPECT_EQ(fit.at("n"), 15);
  EXPECT_EQ(fit.at("holdout").at("n"), 5);
  EXPECT_LT(fit.at("holdout").at("rms_log_error"), 0.01);
  EXPECT_EQ(read_json_file(folder_ / "s/fits/isoflop.json").at("budgets").size(), 3U);
  EXPECT_THAT(read_text_file(folder_ / "s/report.html"), HasSubstr("Runs held out of the fit"));
  EXPECT_THAT(read_text_file(folder_ / "s/study.toml"), HasSubstr("hold = "));
  const Json same = run_scalelaw(folder_, "fit s --bootstrap 40 --json -").json();
  EXPECT_EQ(same.at("params"), fit.at("params")) << "as its report";
  EXPECT_EQ(same.at("holdout"), fit.at("holdout"));
  EXPECT_EQ(read_records(folder_ / "s").records.size(), 20U) << "it is run like the others";
  ASSERT_EQ(run_scalelaw(folder_, "forecast s --flops 1e21 --bootstrap 40 --out f.json").code, 0);
  const Json made = read_json_file(folder_ / "f.json");
  EXPECT_EQ(made.at("fit").at("n"), 15);
  EXPECT_EQ(made.at("fit").at("min_steps"), 0);
  EXPECT_EQ(made.at("inputs").size(), 21U) << "the records and study.toml";
  const Json held = fit.at("holdout").at("points").at(0), fitted = a_fitted_run();
  const auto scored = [&](const Json& run, const char* file) {
    EXPECT_EQ(run_scalelaw(folder_, fmt::format("forecast s --params {} --tokens {} --bootstrap 40 --out {}",
                                                run.at("params").get<double>(), run.at("tokens").get<double>(), file))
                  .code,
              0);
    return run_scalelaw(folder_, fmt::format("forecast --score {} s", file)).out;
  };
  EXPECT_THAT(scored(held, "g.json"), AllOf(HasSubstr("observed"), Not(HasSubstr("caution")))) << "it was kept out";
  EXPECT_THAT(scored(fitted, "h.json"), HasSubstr("is among the inputs of the forecast"));
}

TEST_F(HoldCommand, WithoutItNothingIsSaidOfIt) {
  const ProgramResult e = study("");
  ASSERT_EQ(e.code, 0) << e.err;
  EXPECT_THAT(e.out, Not(HasSubstr("held out")));
  EXPECT_THAT(read_text_file(folder_ / "s/study.toml"), Not(HasSubstr("hold")));
  EXPECT_THAT(read_text_file(folder_ / "s/report.html"), Not(HasSubstr("Runs held out")));
}

TEST_F(HoldCommand, ABudgetThatNoRunHasIsAnErrorOfThePlan) {
  study("hold = [2e21]\n").expect_error(2, "none of design.budgets");
  study("hold = [1e18, 1e19, 1e20, 1e21]\n").expect_error(2, "no run is left to fit");
  EXPECT_EQ(study("hold = [1.04e21]\n").code, 0) << "within 5 %";
}

}  // namespace
}  // namespace scalelaw
