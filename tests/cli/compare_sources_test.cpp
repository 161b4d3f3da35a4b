// What scalelaw compare reads, by the rules of fit, and what it says of its sources.
#include "cli/small_design.hpp"
#include "inference/surface.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

class CompareSources : public testing::Test {
 protected:
  void SetUp() override {
    points_ = simulate_points(tiny_isoflop(), tiny_law(), {.sd = 0.002}, 1, 0);
    write_file_atomic(folder_ / "points.csv", observations_csv(points_));
    write_file_atomic(folder_ / "tiny.toml", R"([design]
budgets = [4e10, 1.6e11, 1e12]
shapes = [{ d_model = 16, n_layer = 2 }, { d_model = 24, n_layer = 2 }, { d_model = 32, n_layer = 3 }, { d_model = 48, n_layer = 3 }, { d_model = 64, n_layer = 4 }]
learning_rates = [0.01]
[simulation]
noise = 0.001
[backend]
kind = "simulate"
)");
  }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  std::vector<Observation> points_;
  TempFolder folder_;
};

TEST_F(CompareSources, CautionsOfItsFitsArePrinted) {
  std::vector<Observation> odd = points_;
  odd[10].loss_nats *= 1.3;
  odd[10].run = "odd";
  write_file_atomic(folder_ / "odd.csv", observations_csv(odd));
  ASSERT_THAT(run("fit odd.csv --bootstrap 0").out, HasSubstr("caution: an outlier: odd"));
  EXPECT_THAT(run("compare odd.csv besiroglu2024 --studies 40").out, HasSubstr("caution: odd.csv: an outlier: odd"));
  const Json c = run("compare points.csv odd.csv --studies 40 --json -").json();
  EXPECT_THAT(c["cautions"]["second"].dump(), HasSubstr("an outlier: odd"));
}

TEST_F(CompareSources, NothingComparedIsThreeAndOneLine) {
  write_file_atomic(folder_ / "few.csv", observations_csv({points_.begin(), points_.begin() + 3}));
  for (const char* second : {"besiroglu2024", "points.csv"}) {
    const ProgramResult o = run(fmt::format("compare few.csv {} --studies 40 --plot few.svg", second));
    EXPECT_EQ(o.code, 3);
    EXPECT_THAT(o.err, testing::StartsWith("error: nothing could be compared: the fit of few.csv did not converge: "
                                           "too_few_points: "));
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_THAT(o.out, HasSubstr("few.csv against "));
  }
  const ProgramResult json = run("compare few.csv besiroglu2024 --studies 40 --json few.json --quiet");
  EXPECT_EQ(json.code, 3);
  EXPECT_EQ(read_json_file(folder_ / "few.json")["schema"], "scalelaw.comparison/1") << "the JSON is written";
}

TEST_F(CompareSources, IsoflopBudgetsAreThoseOfFit) {
  write_file_atomic(folder_ / "valleys.toml", test::kSmallDesign + R"([simulation]
noise = 0.002
)");
  ASSERT_EQ(run("simulate valleys.toml --out study --quiet").code, 0);
  for (const std::string options :
       {"study --method isoflop", "study --method isoflop --convention non_embedding", "points.csv --method isoflop"}) {
    const Json fit = run("fit " + options + " --bootstrap 0 --json -").json();
    const std::size_t space = options.find(' ');
    const Json c = run(fmt::format("compare {} {} {} --studies 40 --noise 0.002 --json -", options.substr(0, space),
                                   "besiroglu2024", options.substr(space)))
                       .json();
    EXPECT_EQ(c["first_fit"]["n"], fit["n"]) << options;
    EXPECT_EQ(c["first_fit"]["budgets"], fit["budgets"]) << options;
    EXPECT_EQ(c["first_fit"]["derived"], fit["derived"]) << options;
  }
}

TEST_F(CompareSources, GroupsWithoutAnyAreRefusedAsByFit) {
  const ProgramResult fit = run("fit points.csv --resample groups"),
                      c = run("compare points.csv points.csv --resample groups");
  c.expect_error(2, "--resample groups: no row says with which others it belongs");
  EXPECT_EQ(c.err, fit.err);
}

TEST_F(CompareSources, OneOfThemMayBeStandardInput) {
  const Json file = run("compare points.csv besiroglu2024 --studies 40 --json -").json();
  Json piped = run("compare - besiroglu2024 --studies 40 --json - <points.csv").json();
  EXPECT_EQ(piped["first"], "standard input");
  EXPECT_EQ(piped["exponents"], file["exponents"]);
  EXPECT_EQ(run("compare points.csv - --studies 40 <points.csv").code, 0);
  run("compare - - <points.csv").expect_error(2, "both sources are standard input");
}

TEST_F(CompareSources, ASimulatedStudyIsSaidToBeOne) {
  ASSERT_EQ(run("simulate tiny.toml --out study --quiet").code, 0);
  const std::string line = "note: study: SIMULATED, no model was trained; simulated with besiroglu2024";
  EXPECT_THAT(run("compare study besiroglu2024 --studies 40").out, HasSubstr(line));
  EXPECT_THAT(run("compare points.csv study --studies 40").out, HasSubstr(line));
  EXPECT_THAT(run("compare points.csv besiroglu2024 --studies 40").out, Not(HasSubstr("SIMULATED")));
}

TEST_F(CompareSources, ATablesOwnCountsAreTakenAsTheyAre) {
  const ProgramResult own = run("compare points.csv kaplan2020-joint --studies 40");
  EXPECT_THAT(own.out, HasSubstr("N counted as points.csv counts it"));
  EXPECT_THAT(own.out, HasSubstr("note: kaplan2020-joint counts N as non_embedding; points.csv does not say"));
  EXPECT_THAT(own.out, Not(HasSubstr("counted as non_embedding")));
  run("compare points.csv kaplan2020-joint --convention non_embedding").expect_error(3, "params_non_embedding");
  const ProgramResult claimed =
      run("compare points.csv kaplan2020-joint --studies 40 --convention non_embedding --columns params=params");
  EXPECT_THAT(claimed.out, HasSubstr("N counted as non_embedding"));
  EXPECT_THAT(run("compare points.csv besiroglu2024 --studies 40").out, HasSubstr("points.csv does not say"));
  EXPECT_THAT(run("compare points.csv besiroglu2024 --studies 40 --convention total").out,
              HasSubstr("N counted as total\n"));

  std::string text = "params,params_non_embedding,tokens,loss\n";
  for (const Observation& o : points_) {
    text += fmt::format("{},{},{},{}\n", 2 * o.params, o.params, o.tokens, o.loss_nats);
  }
  write_file_atomic(folder_ / "both.csv", text);
  const Json both = run("compare both.csv kaplan2020-joint --studies 40 --json -").json();
  EXPECT_EQ(both["counted"]["first"], "non_embedding");
  EXPECT_NEAR(both["first_fit"]["range"]["params"][0].get<double>(), points_.front().params, 1);
  EXPECT_EQ(run("compare both.csv besiroglu2024 --studies 40 --json -").json()["counted"]["first"], "total");
}

TEST_F(CompareSources, RowsCountedInSeveralWaysAreNotPooled) {
  std::string text = "params,tokens,loss,convention\n";
  for (const Observation& o : points_) {
    for (const char* how : {"with embeddings", "without"}) {
      text += fmt::format("{},{},{},{}\n", o.params, o.tokens, o.loss_nats, how);
    }
  }
  write_file_atomic(folder_ / "mixed.csv", text);
  run("compare mixed.csv besiroglu2024").expect_error(3, "holds 2 sets of points that are never pooled");
  EXPECT_THAT(run("compare mixed.csv besiroglu2024 --studies 40 --where convention=without").out,
              HasSubstr("N counted as without\n"));
}

TEST_F(CompareSources, ALawOfStepsSaysWhatATableLacks) {
  run("compare points.csv kaplan2020-steps").expect_error(3, "points.csv: 35 of 35 points have no optimizer steps");
}

TEST_F(CompareSources, CoverageOfAFitBeyondItsRunsIsCautioned) {
  ASSERT_EQ(run("fit points.csv --bootstrap 0 --json fit.json").code, 0);
  const std::string options = " --law fit.json --studies 4 --bootstrap 40";
  const ProgramResult beyond = run("coverage tiny.toml" + options);
  EXPECT_EQ(beyond.code, 0) << beyond.err;
  EXPECT_THAT(beyond.out, HasSubstr("note: the design lies outside the runs behind fit.json (N = "));
  // the fit of the design's own runs
  ASSERT_EQ(run("simulate tiny.toml --out study --quiet").code, 0);
  ASSERT_EQ(run("fit study --bootstrap 0 --json fit.json").code, 0);
  const ProgramResult within = run("coverage tiny.toml" + options);
  EXPECT_EQ(within.code, 0) << within.err;
  EXPECT_THAT(within.out, Not(HasSubstr("outside the runs")));
}

}  // namespace
}  // namespace scalelaw
