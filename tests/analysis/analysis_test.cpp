// From records to results, end to end, on records of a known law.
#include "analysis/analysis.hpp"

#include <gmock/gmock.h>

#include <filesystem>

#include "analysis/sources.hpp"
#include "analysis/study_analysis.hpp"
#include "analysis/summary.hpp"
#include "error_of.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "law/optimum.hpp"
#include "os/files.hpp"
#include "report/figures.hpp"
#include "report/gnuplot.hpp"
#include "report/study_files.hpp"
#include "report/synthetic.hpp"
#include "study/store.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

AnalysisOptions quick_options() {
  AnalysisOptions options;
  options.bootstrap = 40;
  options.studies = 40;
  options.threads = 2;
  options.planned_budgets = {1e10, 4e10, 1.6e11, 6.4e11};
  return options;
}

/// The analysis that several tests look at; made once, since it takes a second.
const Analysis& toy_result() {
  static const Analysis analysis = analyze("toy", test::toy_records(RunSource::trained, 0.001), quick_options());
  return analysis;
}

TEST(AssignBudgets, TakesTheNearestPlannedBudgetWithinTenPercent) {
  std::vector<Observation> points(4);
  points[0].flops = 1.09e10;
  points[1].flops = 0.93e10;
  points[2].flops = 1.2e10;
  points[3].flops = 4.1e10;
  assign_budgets(points, {1e10, 4e10});
  EXPECT_EQ(points[0].budget, 1e10);
  EXPECT_EQ(points[1].budget, 1e10);
  EXPECT_EQ(points[2].budget, 0);
  EXPECT_EQ(points[3].budget, 4e10);
}

TEST(AssignBudgets, FindsBudgetsWhereNoneWerePlanned) {
  std::vector<Observation> points(5);
  points[0].flops = 1e10;
  points[1].flops = 1.04e10;
  points[2].flops = 1.02e10;
  points[3].flops = 5e10;
  points[4].flops = 5.1e10;
  assign_budgets(points, {});
  EXPECT_NEAR(points[0].budget, 1.02e10, 1e8);
  EXPECT_EQ(points[0].budget, points[2].budget);
  EXPECT_EQ(points[3].budget, 0) << "two points are no valley";
}

TEST(Analyze, RecoversTheLawBehindTheRecords) {
  const Analysis& a = toy_result();
  ASSERT_TRUE(a.parametric.converged()) << a.parametric.message;
  EXPECT_NEAR(a.parametric.fitted.value("alpha"), test::toy_law().value("alpha"), 0.06);
  EXPECT_NEAR(a.parametric.fitted.value("beta"), test::toy_law().value("beta"), 0.06);
  // The largest shape at the smallest budget trains for 145 steps, fewer than min_steps: its five rates are left out.
  EXPECT_EQ(a.selection.observations.size(), 23U);
  EXPECT_EQ(a.selection.excluded.size(), 5U);
  EXPECT_NEAR(a.isoflop.derived.at("a"), allocation_exponents(test::toy_law())->a, 0.12);
}

TEST(Analyze, FitsEveryConventionAndKeepsThePlannedBudgets) {
  const Analysis& a = toy_result();
  ASSERT_EQ(a.conventions.size(), 4U);
  EXPECT_EQ(a.conventions[0].parametric.fitted.values, a.parametric.fitted.values);
  EXPECT_EQ(a.conventions[1].convention.params, ParamsCount::non_embedding);
  EXPECT_NE(a.conventions[1].parametric.fitted.values, a.parametric.fitted.values);
  for (const auto& c : a.conventions) EXPECT_EQ(c.isoflop.isoflop().budgets.size(), 4U) << c.convention.params;
}

TEST(Analyze, AllocatesAtTheLargestBudgetAndBeyond) {
  const Analysis& a = toy_result();
  ASSERT_EQ(a.allocations.size(), 3U);
  EXPECT_EQ(a.allocations[0].flops, 6.4e11);
  EXPECT_EQ(a.allocations[2].flops, 6.4e13);
  for (const auto& x : a.allocations) EXPECT_NEAR(6 * x.params * x.tokens / x.flops, 1, 1e-6);
}

TEST(Analyze, ComparesWithTheSimulatedLaw) {
  const Analysis& a = toy_result();
  ASSERT_TRUE(a.comparison);
  EXPECT_EQ(a.comparison->studies + a.comparison->failed, 40);
  EXPECT_FALSE(a.comparison->exponents.empty());
}

TEST(Analyze, IsTheSameForAnyNumberOfThreads) {
  AnalysisOptions options = quick_options();
  const std::vector<RunRecord> records = test::toy_records();
  const Analysis two = analyze("toy", records, options);
  options.threads = 1;
  const Analysis one = analyze("toy", records, options);
  EXPECT_EQ(to_json(one.parametric), to_json(two.parametric));
  EXPECT_EQ(to_json(*one.comparison), to_json(*two.comparison));
}

TEST(Analyze, TooFewPointsAreAStatusAndAWarningNotAnError) {
  std::vector<RunRecord> records = test::toy_records();
  records.resize(4);
  const Analysis a = analyze("few", records, quick_options());
  EXPECT_FALSE(a.parametric.converged());
  EXPECT_TRUE(a.allocations.empty());
  EXPECT_FALSE(a.warnings.empty());
  EXPECT_THAT(summary_text(a, "few"), HasSubstr("not converged"));
}

TEST(Analyze, NoCompletedRunAtAllStillMakesAReport) {
  std::vector<RunRecord> records = test::toy_records();
  records.resize(3);
  for (auto& r : records) {
    r.outcome = {.status = RunStatus::diverged, .step = 7, .message = "loss not finite"};
    r.loss = {};
  }
  const Analysis a = analyze("lost", records, quick_options());
  EXPECT_TRUE(a.selection.observations.empty());
  EXPECT_EQ(a.selection.excluded.size(), 3U);
  EXPECT_FALSE(a.warnings.empty());
}

fs::path toy_study(const std::string& name, std::size_t runs) {
  const fs::path folder = fresh_folder(name);
  std::vector<RunRecord> records = test::toy_records(RunSource::trained, 0.001);
  records.resize(std::min(runs, records.size()));
  for (const auto& r : records) {
    write_record(folder, r);
    std::string curve = "step,tokens,train_loss_nats,lr,grad_norm\n";
    for (int i = 1; i <= 1000; ++i) curve += fmt::format("{},{},{},0.01,1\n", i, 64 * i, 5.0 / i + 2);
    write_file_atomic(folder / "curves" / (r.id + ".csv"), curve);
  }
  return folder;
}

TEST(AnalyzeStudy, ReadsTheFolderAndWritesEverythingDerivedFromIt) {
  const fs::path folder = toy_study("whole", 1000);
  AnalysisOptions options = quick_options();
  Analysis a = analyze("whole", {}, options);
  std::vector<RunRecord> records;
  for (const auto& [id, record] : read_records(folder).records) records.push_back(record);
  a = analyze("whole", records, options);
  load_curves(a, folder);
  EXPECT_EQ(a.curves.size(), 23U);
  EXPECT_EQ(write_analysis(folder, a).empty(), gnuplot_program().has_value());
  for (const char* file : {"records.csv", "fits/parametric.json", "fits/isoflop.json", "allocation.json",
                           "comparison.json", "report.html"}) {
    EXPECT_TRUE(fs::exists(folder / file)) << file;
  }
  EXPECT_EQ(fs::exists(folder / "plots" / "isoflop.svg"), gnuplot_program().has_value());
  const FitResult back = fit_from_json(read_json_file(folder / "fits" / "parametric.json"), "parametric.json");
  EXPECT_EQ(back.fitted.values, a.parametric.fitted.values);
  EXPECT_EQ(read_observations(folder / "records.csv").size(), a.selection.observations.size());
  EXPECT_EQ(read_json_file(folder / "allocation.json").at("allocations").size(), 3U);

  a.comparison.reset();
  static_cast<void>(write_analysis(folder, a));
  EXPECT_FALSE(fs::exists(folder / "comparison.json")) << "a comparison must not outlive its analysis";
}

TEST(AnalyzeStudy, NamesABrokenRecordAndGoesOn) {
  const fs::path folder = toy_study("broken", 10);
  write_file_atomic(folder / "runs" / "0123456789abcdef.json", "{\"schema\":");
  const Analysis a = analyze_study(folder, 1);
  EXPECT_EQ(a.records.size(), 10U);
  EXPECT_EQ(a.study, "broken");
  EXPECT_THAT(a.warnings, testing::Contains(HasSubstr("0123456789abcdef.json")));
}

TEST(AnalyzeStudy, AFolderThatIsNoStudyIsADataError) {
  for (const bool with_runs : {false, true}) {
    const fs::path folder = fresh_folder("empty");
    if (with_runs) fs::create_directories(folder / "runs");
    EXPECT_THAT(error_of(ExitCode::data, [&] { (void)analyze_study(folder, 1); }), HasSubstr("runs"));
  }
}

TEST(LoadCurves, ThinsALongCurveAndKeepsItsEnd) {
  const fs::path folder = toy_study("curves", 120);
  Analysis a = test::toy_analysis();
  a.records = test::toy_records(RunSource::trained, 0.001);
  load_curves(a, folder, 50);
  ASSERT_FALSE(a.curves.empty());
  for (const auto& curve : a.curves) {
    EXPECT_LE(curve.at_tokens.size(), 50U);
    EXPECT_EQ(curve.at_tokens.back(), 64000);
    EXPECT_TRUE(std::ranges::is_sorted(curve.at_tokens));
    EXPECT_EQ(curve.lr, 0.008) << "the rate tried nearest the optimum 0.009";
  }
}

TEST(SourceText, NamesWhereTheRecordsComeFrom) {
  std::vector<RunRecord> records = test::toy_records(RunSource::simulated);
  EXPECT_EQ(source_text(records), "simulated");
  records[0].source = RunSource::trained;
  EXPECT_EQ(source_text(records), "trained and simulated");
  EXPECT_EQ(source_text({}), "no records");
}

}  // namespace
}  // namespace scalelaw
