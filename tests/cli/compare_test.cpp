// scalelaw compare and scalelaw coverage as programs.
#include "cli/small_design.hpp"
#include "inference/surface.hpp"
#include "program.hpp"
#include "report/gnuplot.hpp"
#include "study/store.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

std::vector<Observation> read_observations_of(const std::filesystem::path& study) {
  std::vector<Observation> points;
  for (const auto& [id, record] : read_records(study).records) points.push_back(observe(record, {}).value());
  return points;
}

class CompareCommand : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomic(folder_ / "points.csv",
                      observations_csv(simulate_points(tiny_points(), tiny_law(), {.sd = 0.002}, 1, 0)));
    write_file_atomic(folder_ / "other.csv",
                      observations_csv(simulate_points(tiny_points(), tiny_law(0.35, 0.5), {.sd = 0.002}, 2, 0)));
    write_file_atomic(folder_ / "small.toml", test::kSmallDesign + R"([simulation]
law = "besiroglu2024"
noise = 0.002
)");
  }
  static const Json& exponent(const Json& comparison, const std::string& name) {
    for (const Json& e : comparison["exponents"]) {
      if (e["name"] == name) return e;
    }
    throw std::logic_error("no exponent " + name);
  }
  TempFolder folder_;
};

TEST_F(CompareCommand, SaysWhyRunsOfAStudyWereLeftOut) {
  ASSERT_EQ(run_scalelaw(folder_, "simulate small.toml --out s").code, 0);
  int changed = 0;
  for (auto [id, record] : read_records(folder_ / "s").records) {
    if (++changed > 2) break;
    record.outcome = {.status = RunStatus::diverged, .step = changed, .message = ""};
    record.loss.nats.reset();
    write_record(folder_ / "s", record);
  }
  EXPECT_THAT(run_scalelaw(folder_, "compare s besiroglu2024 --studies 60").out,
              HasSubstr("left out by the selection: diverged (2)"));
}

TEST_F(CompareCommand, ACsvAgainstALawInEitherOrder) {
  const std::string options = " --studies 60 --json -";
  const Json one = run_scalelaw(folder_, "compare points.csv besiroglu2024" + options).json();
  const Json other = run_scalelaw(folder_, "compare besiroglu2024 points.csv" + options).json();
  EXPECT_EQ(one.dump(), other.dump());
  EXPECT_EQ(one["schema"], "scalelaw.comparison/1");
  EXPECT_EQ(one["first"], "points.csv");
  EXPECT_EQ(one["second"], "besiroglu2024");
  EXPECT_EQ(one["studies"], 60);
  EXPECT_EQ(exponent(one, "beta")["verdict"], "different");
  EXPECT_NEAR(exponent(one, "beta")["difference"].get<double>(), 0.30 - 0.3658, 0.03);
}

TEST_F(CompareCommand, DrawsItsVerdictsAndRefusesAnotherFormat) {
  run_scalelaw(folder_, "compare points.csv besiroglu2024 --plot c.jpg").expect_error(2, ".svg, .png or .pdf");
  if (!gnuplot_program()) GTEST_SKIP() << "gnuplot is not installed";
  const auto drawn = run_scalelaw(folder_, "compare points.csv besiroglu2024 --studies 60 --plot c.svg");
  EXPECT_EQ(drawn.code, 0) << drawn.err;
  EXPECT_THAT(drawn.out, HasSubstr("plot: c.svg"));
  const std::string svg = read_text_file(folder_ / "c.svg");
  for (const char* text : {"alpha", "loss_slope", "within ±10 %", "different"}) EXPECT_THAT(svg, HasSubstr(text));
}

TEST_F(CompareCommand, AStudyCanBeSimulatedFromAFitAndAnchoredOnRecords) {
  ASSERT_EQ(run_scalelaw(folder_, "fit points.csv --law chinchilla --json fit.json").code, 0);
  const std::string grid =
      "--set design.kind=grid --set design.shapes=[] --set design.widths=[256,512,1024] --set design.depths=[8] "
      "--set design.tokens=[104857600,1048576000] ";
  ASSERT_EQ(run_scalelaw(folder_,
                         "simulate small.toml --set simulation.law=fit.json --set simulation.noise=0 "
                         "--set simulation.lr_penalty=0 --out from_fit " +
                             grid)
                .code,
            0);
  const Json fit = read_json_file(folder_ / "fit.json").at("params");
  for (const Observation& p : read_observations_of(folder_ / "from_fit")) {
    const double loss = fit["E"].get<double>() +
                        fit["A"].get<double>() / std::pow(p.params, fit["alpha"].get<double>()) +
                        fit["B"].get<double>() / std::pow(p.tokens, fit["beta"].get<double>());
    EXPECT_NEAR(p.loss_nats, loss, 1e-9 * loss);
  }
  const auto anchored = run_scalelaw(folder_, "study small.toml --set simulation.anchor=points.csv --out anchored");
  EXPECT_EQ(anchored.code, 0) << anchored.err;
  EXPECT_THAT(anchored.out, HasSubstr("its exponents kept and A, B, E refitted to 42 points of points.csv"));
  EXPECT_THAT(read_text_file(folder_ / "anchored/report.html"), HasSubstr("refitted to 42 points of points.csv"));
  EXPECT_THAT(read_text_file(folder_ / "anchored/study.toml"), HasSubstr("anchored = \"42 points of points.csv\""));
  run_scalelaw(folder_, "simulate small.toml --set simulation.anchor=none.csv")
      .expect_error(3, "none.csv: no such file");
  run_scalelaw(folder_, "simulate small.toml --set simulation.law=none.json")
      .expect_error(3, "none.json: no such file");
}

TEST_F(CompareCommand, TwoSetsOfPointsOfTwoLawsDiffer) {
  const Json c = run_scalelaw(folder_, "compare points.csv other.csv --studies 100 --json -").json();
  EXPECT_EQ(exponent(c, "beta")["verdict"], "different");
  EXPECT_NEAR(exponent(c, "beta")["difference"].get<double>(), -0.2, 0.05);
  const Json same = run_scalelaw(folder_, "compare points.csv points.csv --studies 100 --json -").json();
  EXPECT_EQ(exponent(same, "beta")["difference"], 0);
  EXPECT_EQ(exponent(same, "a")["verdict"], "equivalent");
}

TEST_F(CompareCommand, AStudyFolderAgainstTheLawThatMadeItIsNotDifferent) {
  ASSERT_EQ(run_scalelaw(folder_, "simulate small.toml --out study").code, 0);
  const auto text = run_scalelaw(folder_, "compare study besiroglu2024 --studies 60");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("study against besiroglu2024"));
  EXPECT_THAT(text.out, HasSubstr("60 simulated studies"));
  const Json c = run_scalelaw(folder_, "compare study besiroglu2024 --studies 60 --json -").json();
  EXPECT_EQ(c["first_fit"]["n"], 15);
  EXPECT_NE(exponent(c, "a")["verdict"], "different");
}

TEST_F(CompareCommand, WrongSourcesAndOptionsAreOneLineErrors) {
  run_scalelaw(folder_, "compare points.csv besiroglu2042").expect_error(3, "did you mean 'besiroglu2024'?");
  run_scalelaw(folder_, "compare hoffmann2022 besiroglu2024").expect_error(2, "are both laws");
  run_scalelaw(folder_, "compare points.csv").expect_error(2, "B is required");
  run_scalelaw(folder_, "compare points.csv besiroglu2024 --studies 5").expect_error(2, "--studies is 5");
  run_scalelaw(folder_, "compare points.csv besiroglu2024 --margin 0").expect_error(2, "--margin is 0");
  run_scalelaw(folder_, "compare points.csv besiroglu2024 --columns loss").expect_error(2, "write OURS=THEIRS");
  run_scalelaw(folder_, "compare . besiroglu2024").expect_error(3, "no run records (*.json) in it");
  write_file_atomic(folder_ / "bad.csv", "params,tokens,loss\n1e6,1e8,0\n");
  run_scalelaw(folder_, "compare bad.csv besiroglu2024").expect_error(3, "bad.csv");
}

TEST_F(CompareCommand, CoverageOfAConfigsDesign) {
  const std::string command =
      "coverage small.toml --law besiroglu2024 --studies 40 --bootstrap 60 --resample parametric";
  const auto text = run_scalelaw(folder_, command);
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("40 simulated studies of besiroglu2024 at 15 points"));
  EXPECT_THAT(text.out, HasSubstr("ln N*("));
  const Json c = run_scalelaw(folder_, command + " --json -").json();
  EXPECT_EQ(c["noise"], 0.002);
  EXPECT_EQ(c["failed"].get<int>() + c["studies"].get<int>(), 40);
  EXPECT_EQ(c["quantities"].size(), 7U) << "a, and sizes and losses at the largest compute and at ten times it";
  const Json loud = run_scalelaw(folder_, command + " --noise 0.004 --json -").json();
  EXPECT_EQ(loud["noise"], 0.004);
  EXPECT_GT(loud["quantities"][0]["width95"], c["quantities"][0]["width95"]);
}

TEST_F(CompareCommand, CoverageNamesWhatIsWrong) {
  run_scalelaw(folder_, "coverage none.toml").expect_error(2, "no such config file");
  run_scalelaw(folder_, "coverage small.toml --law besiroglu").expect_error(2, "there is no law 'besiroglu'");
  run_scalelaw(folder_, "coverage small.toml --law kaplan2020-optimal").expect_error(2, "not a loss");
  run_scalelaw(folder_, "coverage small.toml --studies 1").expect_error(2, "--studies is 1");
  run_scalelaw(folder_, "coverage small.toml --group-share 3").expect_error(2, "--group-share is 3");
}

}  // namespace
}  // namespace scalelaw
