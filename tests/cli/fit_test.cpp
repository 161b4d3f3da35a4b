// scalelaw fit and scalelaw laws as programs: answers, output and exit codes.
#include <gmock/gmock.h>

#include <set>

#include "core/json.hpp"
#include "fit/fixtures.hpp"
#include "law/published.hpp"
#include "os/files.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class FitCommand : public testing::Test {
 protected:
  void SetUp() override {
    write(test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.01, 1), "runs.csv");
  }
  void write(const std::vector<Observation>& points, const std::string& name) const {
    write_file_atomic(folder_ / name, observations_csv(points));
  }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  /// The whole of standard output as JSON; the program must succeed and say nothing else.
  [[nodiscard]] Json json_of(const std::string& arguments) const {
    const ProgramResult e = run(arguments + " --json -");
    EXPECT_EQ(e.code, 0) << arguments << "\n" << e.err;
    EXPECT_EQ(e.err, "");
    return Json::parse(e.out);
  }
  /// The program must end with this code and one line of error, print no result and write no file.
  [[nodiscard]] std::string failed(int code, const std::string& arguments) const {
    const ProgramResult e = run(arguments + " --json result.json");
    e.expect_error(code, "");
    EXPECT_FALSE(fs::exists(folder_ / "result.json")) << arguments;
    return e.err;
  }
  TempFolder folder_;
};

TEST_F(FitCommand, The240PointsOfBesiroglu) {
  const fs::path points = fs::absolute(test::besiroglu_points());
  const Json r = json_of(fmt::format("fit '{}' --law chinchilla --drop-highest 5", points.string()));
  EXPECT_EQ(r.at("schema"), "scalelaw.fit/1");
  EXPECT_EQ(r.at("n"), 240);
  EXPECT_EQ(r.at("dropped"), 5);
  EXPECT_EQ(r.at("convergence").at("status"), "converged");
  EXPECT_NEAR(r.at("objective").at("value").get<double>(), 0.001018274017801, 2e-14);
  const std::map<std::string, double> answers = {
      {"A", 477.82587}, {"B", 2143.41736}, {"E", 1.8172181}, {"alpha", 0.3473105}, {"beta", 0.3671724}};
  for (const auto& [name, answer] : answers) {
    EXPECT_NEAR(r.at("params").at(name).get<double>() / answer, 1, 1e-6) << name;
  }
  EXPECT_NEAR(r.at("derived").at("a").get<double>(), 0.513900, 1e-6);
}

TEST_F(FitCommand, PrintsATableAndWritesTheSameResultAsJson) {
  const ProgramResult e = run("fit runs.csv --bootstrap 50 --json fit.json");
  ASSERT_EQ(e.code, 0) << e.err;
  EXPECT_THAT(e.out, AllOf(HasSubstr("35 observations"), HasSubstr("status: converged"), HasSubstr("95 % interval"),
                           HasSubstr("bootstrap: 50 replicates by parametric, 0 failed")));
  const Json written = read_json_file(folder_ / "fit.json");
  EXPECT_EQ(written, json_of("fit runs.csv --bootstrap 50"));
  EXPECT_EQ(written.at("bootstrap").at("draws").size(), 50U);
  EXPECT_EQ(run("--quiet fit runs.csv").out, "");
}

TEST_F(FitCommand, ThreadsDoNotChangeAByteOfTheOutput) {
  for (const char* arguments : {"fit runs.csv --bootstrap 40 --seed 3", "fit runs.csv --bootstrap 40 --all",
                                "fit runs.csv --bootstrap 40 --resample parametric --starts grid"}) {
    const ProgramResult one = run(fmt::format("{} --threads 1 --json -", arguments));
    const ProgramResult two = run(fmt::format("{} --threads 2 --json -", arguments));
    EXPECT_EQ(one.code, 0) << one.err;
    EXPECT_EQ(one.out, two.out) << arguments;
  }
}

TEST_F(FitCommand, ForeignColumnsAreRenamed) {
  std::string text = "N,D,val_loss\n";
  for (const Observation& o : test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.01, 1)) {
    text += fmt::format("{},{},{}\n", o.params, o.tokens, o.loss_nats);
  }
  write_file_atomic(folder_ / "theirs.csv", text);
  const Json ours = json_of("fit runs.csv");
  const Json theirs = json_of("fit theirs.csv --columns params=N,tokens=D,loss=val_loss");
  for (const auto& [name, value] : ours.at("params").items()) {
    EXPECT_NEAR(theirs.at("params").at(name).get<double>() / value.get<double>(), 1, 1e-6) << name;
  }
}

TEST_F(FitCommand, AllApproachesStandSideBySide) {
  const ProgramResult e = run("fit runs.csv --all --bootstrap 30");
  EXPECT_EQ(e.code, 0) << e.err;
  EXPECT_THAT(e.out, AllOf(HasSubstr("envelope"), HasSubstr("isoflop"), HasSubstr("parametric")));
  const Json fits = json_of("fit runs.csv --all --bootstrap 30");
  EXPECT_EQ(fits.at("schema"), "scalelaw.fits/1");
  std::set<std::string> methods;
  for (const Json& r : fits.at("fits")) {
    methods.insert(r.at("method"));
    EXPECT_TRUE(r.at("bootstrap").at("derived").contains("a")) << r.at("method");
  }
  EXPECT_THAT(methods, testing::IsSupersetOf({"envelope", "isoflop", "parametric"}));
}

TEST_F(FitCommand, AWrongColumnIsNamedWithTheColumnsPresent) {
  write_file_atomic(folder_ / "wrong.csv", "params,tokens,nats\n1e6,1e8,3\n");
  EXPECT_THAT(failed(3, "fit wrong.csv"), AllOf(HasSubstr("wrong.csv"), HasSubstr("'loss'"), HasSubstr("nats")));
  EXPECT_THAT(failed(3, "fit wrong.csv --columns loss=los"),
              AllOf(HasSubstr("los"), HasSubstr("params, tokens, nats")));
  EXPECT_THAT(failed(2, "fit wrong.csv --columns los=nats"), HasSubstr("los"));
  EXPECT_THAT(failed(2, "fit wrong.csv --columns nats"), HasSubstr("OURS=THEIRS"));
}

TEST_F(FitCommand, UnusableLossesAreNamedByRow) {
  const auto write_loss = [&](const char* loss) {
    write_file_atomic(folder_ / "bad.csv",
                      fmt::format("params,tokens,loss\n1e6,1e8,3\n2e6,1e8,{}\n3e6,1e8,2.8\n", loss));
  };
  for (const char* loss : {"0", "-2.5", "three"}) {
    write_loss(loss);
    EXPECT_THAT(failed(3, "fit bad.csv"), AllOf(HasSubstr("bad.csv"), HasSubstr("row 3"), HasSubstr("loss"))) << loss;
  }
  for (const char* loss : {"inf", "nan", ""}) {  // runs without a loss are left out, not an error each
    write_loss(loss);
    EXPECT_THAT(run("fit bad.csv").out, HasSubstr("left out: 1 of 3 rows: row 3: column 'loss' is ")) << loss;
  }
}

TEST_F(FitCommand, WrongNamesGetTheNearestRightOne) {
  EXPECT_THAT(failed(2, "fit runs.csv --law chinchila"), HasSubstr("did you mean 'chinchilla'?"));
  EXPECT_THAT(failed(2, "fit runs.csv --fix alhpa=0.3"), AllOf(HasSubstr("alhpa"), HasSubstr("did you mean alpha?")));
  EXPECT_THAT(failed(2, "fit runs.csv --fix Nc=1e9"), HasSubstr("E, A, B, alpha, beta"));
  EXPECT_THAT(failed(2, "fit runs.csv --fix alpha=big"), HasSubstr("PARAMETER=NUMBER"));
  EXPECT_THAT(failed(2, "fit runs.csv --fix alpha=-1"), HasSubstr("positive"));
  EXPECT_THAT(failed(2, "fit runs.csv --starts hofmann2022"), HasSubstr("hoffmann2022"));
}

TEST_F(FitCommand, WrongUsageEndsWithExitCodeTwo) {
  EXPECT_THAT(failed(2, "fit"), HasSubstr("input"));
  EXPECT_THAT(failed(2, "fit runs.csv --method magic"), HasSubstr("--method"));
  EXPECT_THAT(failed(2, "fit runs.csv --objective huber"), HasSubstr("--objective"));
  EXPECT_THAT(failed(2, "fit runs.csv --delta 0"), HasSubstr("--delta"));
  EXPECT_THAT(failed(2, "fit runs.csv --drop-highest 36"), HasSubstr("35"));
  EXPECT_THAT(failed(2, "fit runs.csv --holdout-above 1e40"), HasSubstr("--holdout-above"));
  EXPECT_THAT(failed(2, "fit runs.csv --threads 0"), HasSubstr("--threads"));
}

TEST_F(FitCommand, AFitThatIsNotOneSaysSoAndEndsWithExitCodeThree) {
  auto few = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.01, 1);
  few.resize(4);
  write(few, "few.csv");
  const ProgramResult refused = run("fit few.csv --json -");
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, AllOf(testing::StartsWith("error: the fit is too_few_points"), HasSubstr("at least 7")));
  EXPECT_EQ(Json::parse(refused.out).at("convergence").at("status"), "too_few_points");
  EXPECT_TRUE(Json::parse(refused.out).at("params").empty());
  const ProgramResult stopped = run("fit runs.csv --starts hoffmann2022 --max-evaluations 3");
  EXPECT_EQ(stopped.code, 3);
  EXPECT_THAT(stopped.err, HasSubstr("stalled"));
  EXPECT_THAT(stopped.out, HasSubstr("NOT CONVERGED (stalled)"));
}

TEST_F(FitCommand, AFolderWithoutRecordsIsNamed) {
  fs::create_directories(folder_ / "study/runs");
  EXPECT_THAT(failed(3, "fit study"), AllOf(HasSubstr("study/runs"), HasSubstr("no run records")));
}

TEST_F(FitCommand, LawsListsEverySetWithItsSource) {
  const ProgramResult e = run("laws");
  EXPECT_EQ(e.code, 0) << e.err;
  EXPECT_EQ(e.err, "");
  const Json laws = json_of("laws");
  EXPECT_EQ(laws.at("schema"), "scalelaw.laws/1");
  std::map<std::string, Json> sets;
  for (const Json& law : laws.at("laws")) {
    sets[law.at("name")] = law;
    EXPECT_THAT(e.out,
                AllOf(HasSubstr(law.at("name").get<std::string>()), HasSubstr(law.at("source").get<std::string>())));
    EXPECT_FALSE(law.at("source").get<std::string>().empty());
  }
  EXPECT_EQ(sets.size(), published_laws().size());
  EXPECT_EQ(sets.at("hoffmann2022").at("params").at("alpha"), 0.33917084);
  EXPECT_NEAR(sets.at("hoffmann2022").at("derived").at("a").get<double>(), 0.4565, 5e-5);
}

}  // namespace
}  // namespace scalelaw
