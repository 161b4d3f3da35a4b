// Answers of compare, coverage, predict and allocate that misled once, as programs.
#include "inference/surface.hpp"
#include "program.hpp"
#include "study/store.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string case_file(const std::string& name) {
  return (std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases" / name).string();
}

const Json& exponent(const Json& comparison, const std::string& name) {
  for (const Json& e : comparison["exponents"]) {
    if (e["name"] == name) return e;
  }
  throw std::logic_error("no exponent " + name);
}

class Cases : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomic(folder_ / "points.csv",
                      observations_csv(simulate_points(tiny_isoflop(), tiny_law(), {.sd = 0.002}, 1, 0)));
    write_file_atomic(folder_ / "tiny.toml", R"([design]
budgets = [4e10, 1.6e11, 1e12]
shapes = [{ d_model = 16, n_layer = 2 }, { d_model = 32, n_layer = 3 }, { d_model = 64, n_layer = 4 }]
learning_rates = [0.005, 0.01, 0.02]
[backend]
kind = "simulate"
[analysis]
bootstrap = 60
[compare]
studies = 40
)");
  }
  /// Losses of the records of a study.
  [[nodiscard]] std::vector<double> losses(const std::string& study) const {
    std::vector<double> out;
    for (const auto& [id, record] : read_records(folder_ / study).records) out.push_back(record.loss.nats.value());
    return out;
  }
  TempFolder folder_;
};

TEST_F(Cases, TwoRecipesHaveAComputeMultiplier) {
  const std::string command =
      fmt::format("compare '{}' '{}' --flops 1e19 1e20 1e22", case_file("recipe_a.csv"), case_file("recipe_b.csv"));
  const Json c = run_scalelaw(folder_, command + " --json -").json();
  ASSERT_EQ(c["compute_multiplier"].size(), 3U);
  for (const Json& m : c["compute_multiplier"]) {
    EXPECT_NEAR(m["value"].get<double>(), 1.25, 0.01);
    EXPECT_LT(m["ci95"][0], 1.25);
    EXPECT_GT(m["ci95"][1], 1.25);
  }
  EXPECT_THAT(run_scalelaw(folder_, command).out,
              HasSubstr("recipe_b.csv reaches the loss of recipe_a.csv with 1/1.25 of the compute (80 %)"));
}

TEST_F(Cases, TwoLossSlopesAreDifferent) {
  const std::string command = fmt::format("compare '{}' '{}'", case_file("slope_a.csv"), case_file("slope_b.csv"));
  const Json c = run_scalelaw(folder_, command + " --json -").json();
  EXPECT_EQ(exponent(c, "loss_slope")["verdict"], "different");
  EXPECT_FALSE(exponent(c, "loss_slope")["within_margin"]);
  EXPECT_EQ(c["margin_relative"], 0.1);
  // asked for, the difference of 0.05 is still there
  const Json wide = run_scalelaw(folder_, command + " --margin 0.05 --json -").json();
  EXPECT_EQ(wide["margin"], 0.05);
  EXPECT_TRUE(exponent(wide, "loss_slope")["within_margin"]);
  EXPECT_THAT(run_scalelaw(folder_, command + " --margin 0.05").out, HasSubstr("different, but within the margin"));
  run_scalelaw(folder_, command + " --margin ten").expect_error(2, "--margin is ten");
}

TEST_F(Cases, AnOldMarginOfAStudyIsStillADifference) {
  ASSERT_EQ(run_scalelaw(folder_, "study tiny.toml --set compare.margin=0.05 --out old").code, 0);
  EXPECT_EQ(read_json_file(folder_ / "old/comparison.json")["margin"], 0.05);
  ASSERT_EQ(run_scalelaw(folder_, "study tiny.toml --out new").code, 0);
  EXPECT_EQ(read_json_file(folder_ / "new/comparison.json")["margin_relative"], 0.1);
}

TEST_F(Cases, ATinySimulatedStudyIsAnchoredByDefault) {
  const auto study = run_scalelaw(folder_, "study tiny.toml --out s");
  EXPECT_EQ(study.code, 0) << study.err;
  EXPECT_THAT(study.out, HasSubstr("the design lies outside the runs behind besiroglu2024 (N = 14.3k lies 4880 times "
                                   "below the smallest (70M)"));
  EXPECT_THAT(study.out, HasSubstr("refitted to 43 points of data/records/tutorial.csv"));
  for (const double loss : losses("s")) EXPECT_LT(loss, 3);
  EXPECT_THAT(read_text_file(folder_ / "s/report.html"), HasSubstr("43 points of data/records/tutorial.csv"));
  // the same ids in the plan, and nothing to do a second time
  EXPECT_THAT(run_scalelaw(folder_, "study tiny.toml --out s").out, HasSubstr("(24 before, 0 now"));
  EXPECT_THAT(run_scalelaw(folder_, "plan tiny.toml").out, HasSubstr("data/records/tutorial.csv"));
  run_scalelaw(folder_, "simulate tiny.toml --set simulation.anchor=published --out p --quiet")
      .expect_error(2, "above ln(256) = 5.55");
  run_scalelaw(folder_, "simulate tiny.toml --set simulation.anchor=none --out p --quiet").expect_error(2, "nats at N");
  // constants are a choice
  const auto given = run_scalelaw(folder_,
                                  "simulate tiny.toml --set simulation.law=chinchilla --set "
                                  "simulation.params={E=1,A=15,B=40,alpha=0.35,beta=0.3} --out g");
  EXPECT_EQ(given.code, 0) << given.err;
  EXPECT_THAT(given.out, Not(HasSubstr("refitted")));
}

TEST_F(Cases, CoverageIsOfPossibleLossesAndOfTheGroupsThatTuningMakes) {
  const std::string command = "coverage tiny.toml --studies 4 --bootstrap 40";
  const auto text = run_scalelaw(folder_, command);
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("refitted to 43 points of data/records/tutorial.csv"));
  const Json c = run_scalelaw(folder_, command + " --json -").json();
  EXPECT_EQ(c["points"], 8);
  EXPECT_GE(c["groups"], 3) << "a trunk is a shape at a rate: no fewer than the shapes";
  EXPECT_LE(c["groups"], 8);
  run_scalelaw(folder_, command + " --set simulation.anchor=published").expect_error(2, "above ln(256)");
}

TEST_F(Cases, AFitFileIsALawWhereverALawIsNamed) {
  ASSERT_EQ(run_scalelaw(folder_, "fit points.csv --json fit.json").code, 0);
  ASSERT_EQ(run_scalelaw(folder_, "fit points.csv --method isoflop --json isoflop.json").code, 0);
  const auto coverage = run_scalelaw(folder_, "coverage tiny.toml --law fit.json --studies 4 --bootstrap 40");
  EXPECT_EQ(coverage.code, 0) << coverage.err;
  EXPECT_THAT(coverage.out, HasSubstr("simulated studies of fit.json"));
  run_scalelaw(folder_, "coverage tiny.toml --law isoflop.json").expect_error(2, "gives no loss");
  run_scalelaw(folder_, "coverage tiny.toml --law none.json").expect_error(3, "none.json");
  write_file_atomic(folder_ / "other.json", "{}");
  run_scalelaw(folder_, "coverage tiny.toml --law other.json").expect_error(3, "is not a fit");
  const Json one = run_scalelaw(folder_, "allocate --law fit.json --flops 1e13 --json -").json();
  EXPECT_EQ(one.dump(), run_scalelaw(folder_, "allocate fit.json --flops 1e13 --json -").json().dump());
  EXPECT_EQ(run_scalelaw(folder_, "predict --law fit.json --params 1e5 --tokens 1e8").code, 0);
  const Json compared = run_scalelaw(folder_, "compare points.csv fit.json --studies 40 --json -").json();
  EXPECT_EQ(compared["second"], "fit.json");
  EXPECT_EQ(exponent(compared, "beta")["verdict"] == "not_converged", false);
}

TEST_F(Cases, PredictAsksOnlyForWhatTheLawNeeds) {
  EXPECT_THAT(run_scalelaw(folder_, "predict --law kaplan2020-n --params 1e9").out, HasSubstr("loss 2.3756"));
  EXPECT_THAT(run_scalelaw(folder_, "predict --law kaplan2020-c --flops 8.64e19").out, HasSubstr("nats per token"));
  run_scalelaw(folder_, "predict --law besiroglu2024 --params 1e9").expect_error(2, "--tokens is missing");
}

TEST_F(Cases, ExtrapolationIsSaidInEveryQuantity) {
  ASSERT_EQ(run_scalelaw(folder_, "fit points.csv --bootstrap 60 --json fit.json").code, 0);
  const auto predicted = run_scalelaw(folder_, "predict fit.json --params 1e9 --tokens 1e4");
  EXPECT_THAT(predicted.out, HasSubstr("warning: outside the runs behind the fit: N = 1B lies"));
  EXPECT_THAT(predicted.out, HasSubstr("D = 10k lies"));
  EXPECT_THAT(predicted.out, HasSubstr("D/N = 1e-05 lies"));
  EXPECT_THAT(predicted.out, Not(HasSubstr("C = ")));
  const auto allocated = run_scalelaw(folder_, "allocate fit.json --flops 1e13 --inference-tokens 1e12");
  EXPECT_THAT(allocated.out, HasSubstr("N = "));
  EXPECT_THAT(allocated.out, HasSubstr("below the smallest"));
}

TEST_F(Cases, AMeasuredLossBelowTheOptimumIsSaid) {
  // one run at the largest budget, far better than the surface that the others lie on
  auto points = simulate_points(tiny_isoflop(), tiny_law(), {.sd = 0.001}, 3, 0);
  points.back().loss_nats = 0.8 * points.back().loss_nats;
  write_file_atomic(folder_ / "lucky.csv", observations_csv(points));
  ASSERT_EQ(run_scalelaw(folder_, "fit lucky.csv --json lucky.json").code, 0);
  const auto said = run_scalelaw(folder_, "allocate lucky.json --flops 2.56e14");
  EXPECT_THAT(said.out, HasSubstr("a run of 2.56×10¹⁴ FLOPs measured"));
  EXPECT_THAT(run_scalelaw(folder_, "allocate lucky.json --flops 6.4e13").out, Not(HasSubstr("measured")));
}

}  // namespace
}  // namespace scalelaw
