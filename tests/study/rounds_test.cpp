// Runs that a study's results call for: extended rates, rates from a law, branching checks.
#include "study/rounds.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "core/rng.hpp"
#include "records/shape.hpp"
#include "study/fake_trainer.hpp"
#include "study/status.hpp"
#include "study/study_fixture.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// The small study without noise, its best rate far below the two listed ones.
StudyConfig edge_config() {
  StudyConfig config = small_config();
  config.design.learning_rates = {0.016, 0.032};
  config.design.lr_extend = 6;
  config.design.seeds = {0};
  config.simulation.noise = 0;
  config.simulation.lr_best_coefficient = 0.002 * std::pow(1e4, 0.4);
  config.simulation.lr_best_exponent = -0.4;
  return config;
}

class Rounds : public StudyTest {
 protected:
  StudyOptions simulated(const std::string& name) const {
    StudyOptions o = options(folder_ / name);
    o.backend.simulate = true;
    o.corpus.reset();
    return o;
  }
  std::vector<LrSweep> sweeps(const std::string& name) const {
    std::vector<RunRecord> records;
    for (const auto& [id, record] : read_records(folder_ / name).records) records.push_back(record);
    return select_observations(records, {.min_steps = 0}).sweeps;
  }
};

TEST_F(Rounds, RatesAreAddedUntilEveryOptimumIsBracketed) {
  const StudyConfig config = edge_config();
  const StudySummary summary = run_study(config, simulated("s"));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  EXPECT_THAT(summary.later_notes, IsEmpty());
  ASSERT_THAT(sweeps("s"), SizeIs(9));
  for (const LrSweep& sweep : sweeps("s")) {
    EXPECT_EQ(sweep.status, SweepStatus::interior) << describe_point(sweep);
    EXPECT_NEAR(std::log(sweep.best_lr / (0.002 * std::pow(sweep.params / 1e4, -0.4))), 0, 1e-6);
    // from .016 down to the first rate below the optimum whose loss is above its neighbour's, and no further
    const double last = sweep.points[0].lr, next = sweep.points[1].lr;
    EXPECT_EQ(next, 2 * last);
    EXPECT_LT(last, sweep.best_lr);
    EXPECT_GT(2 * next, sweep.best_lr);
  }
  EXPECT_EQ(summary.planned, summary.made);
  EXPECT_THAT(describe(summary), HasSubstr("d16 L1 at"));
  EXPECT_THAT(describe(summary), HasSubstr("lr 0.008 (the best rate, 0.016, was the lowest)"));
  EXPECT_THAT(said_, HasSubstr("runs added"));

  const StudyStatus status = study_status(folder_ / "s");
  EXPECT_EQ(status.planned, summary.planned);
  EXPECT_EQ(status.completed, summary.planned);
  EXPECT_THAT(status.added, SizeIs(summary.added.size()));
  EXPECT_THAT(describe(status), HasSubstr("added: d16 L1"));

  const StudySummary again = run_study(config, simulated("s"));
  EXPECT_EQ(again.made, 0);
  EXPECT_EQ(again.planned, summary.planned);
}

TEST_F(Rounds, TheLimitHoldsAndTheEdgeIsNamed) {
  StudyConfig config = edge_config();
  config.design.lr_extend = 1;
  const StudySummary summary = run_study(config, simulated("s"));
  EXPECT_EQ(summary.planned, 9 * 3);
  EXPECT_THAT(summary.later_notes, SizeIs(9));
  EXPECT_THAT(summary.later_notes[0], HasSubstr("the best rate, 0.008, is still the lowest tried: lr_extend = 1"));
  EXPECT_THAT(describe(summary), HasSubstr("still the lowest"));
  config.design.lr_extend = 0;
  const StudySummary off = run_study(config, simulated("off"));
  EXPECT_EQ(off.planned, 9 * 2);
  EXPECT_THAT(off.added, IsEmpty());
}

TEST_F(Rounds, ExtendsUpwardsForEverySeedAndNotBeyondADivergence) {
  StudyConfig config = edge_config();
  config.design.learning_rates = {0.00025, 0.0005};
  config.design.seeds = {0, 1};
  const StudySummary summary = run_study(config, simulated("s"));
  for (const LrSweep& sweep : sweeps("s")) {
    EXPECT_EQ(sweep.status, SweepStatus::interior);
    for (const LrSweep::Point& p : sweep.points) EXPECT_EQ(p.seeds, 2);
  }
  for (const Addition& a : summary.added) EXPECT_EQ(a.runs, 2);

  const Plan plan = study_plan(config, true, nullptr);
  RecordSet records;
  for (const PlannedRun& run : plan.runs) {  // the second rate diverges, so the first is the best
    RunRecord record;
    record.id = run_id(run.spec);
    record.spec = run.spec;
    record.tokens = run.spec.data.tokens;
    record.params = count_params(run.spec.model);
    if (run.spec.optimizer.lr > 0.0003) {
      record.outcome.status = RunStatus::diverged;
    } else {
      record.loss.nats = 3;
    }
    records.records[record.id] = record;
  }
  const StudyRuns now = extend_plan(config, plan, records);
  EXPECT_THAT(now.added, IsEmpty()) << "a single completed rate has no edge";
  EXPECT_TRUE(now.settled);
}

TEST_F(Rounds, AShapeGetsNothingBeforeAllItsRunsAreFinished) {
  const StudyConfig config = edge_config();
  (void)run_study(config, simulated("s"));
  const Plan plan = study_plan(config, true, nullptr);
  RecordSet records = read_records(folder_ / "s");
  const StudyRuns whole = extend_plan(config, plan, records);
  EXPECT_TRUE(whole.settled);
  records.records.erase(run_id(plan.runs.front().spec));  // of the smallest shape
  const StudyRuns part = extend_plan(config, plan, records);
  EXPECT_FALSE(part.settled);
  const std::string smallest = shape_name(plan.runs.front().spec.model);
  const auto others = [&](const StudyRuns& runs) {
    return std::ranges::count_if(runs.added, [&](const Addition& a) { return a.shape != smallest; });
  };
  EXPECT_EQ(std::ssize(part.added), others(part));
  EXPECT_EQ(others(part), others(whole));
}

TEST_F(Rounds, KilledAtRandomMomentsTheSameRunsAndLossesFollow) {
  StudyConfig config = edge_config();
  config.design.branch_checks = 2;
  const std::vector<std::string> valley = {"--valley", "0.003"};
  ASSERT_EQ(wait_for(start(folder_ / "whole", valley, config)), 0);
  const auto expected = losses(folder_ / "whole");
  const auto broken = folder_ / "broken";
  Rng rng = make_rng(11, "kill rounds");
  int kills = 0;
  for (; kills < 12; ++kills) {
    const std::size_t trained = trace(broken, "trained ").size();
    const std::size_t moment = trained + 1 + uniform_below(rng, 5);
    if (moment + 2 >= expected.size()) break;
    std::vector<std::string> held = valley;
    held.insert(held.end(), {"--hold-after", std::to_string(moment + 1)});
    const pid_t study = start(broken, held, config);
    if (!wait_for_records_or_end(broken, moment, study)) {
      EXPECT_EQ(wait_for(study), 0);
      break;
    }
    ::kill(study, SIGKILL);
    EXPECT_EQ(wait_for(study), 1000 + SIGKILL);
    for (const pid_t pid : worker_pids(broken)) EXPECT_TRUE(wait_for_end(pid)) << "worker " << pid;
  }
  EXPECT_GE(kills, 5);
  EXPECT_EQ(wait_for(start(broken, valley, config)), 0);
  EXPECT_EQ(losses(broken), expected) << "losses depend on the stack in their last digits";
  expect_no_run_twice(broken);
  std::set<std::string> jobs, whole_jobs;
  for (const Job& job : read_jobs(broken)) jobs.insert(job.id);
  for (const Job& job : read_jobs(folder_ / "whole")) whole_jobs.insert(job.id);
  EXPECT_EQ(jobs, whole_jobs);
}

TEST_F(Rounds, LargeShapesTakeTheRateOfALawOfTheOthers) {
  StudyConfig config = edge_config();
  config.design.shapes = {{16, 1}, {24, 2}, {32, 2}, {64, 4}};
  config.design.budgets = {4e9, 8e9, 1.6e10};
  config.design.lr_transfer_above = 1e5;
  const Plan plan = study_plan(config, true, nullptr);
  EXPECT_THAT(plan.transfer, SizeIs(3));
  EXPECT_EQ(plan.runs.size(), 9U * 2);
  const StudySummary summary = run_study(config, simulated("s"));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  int large = 0;
  for (const LrSweep& sweep : sweeps("s")) {
    if (sweep.params < 1e5) continue;
    ++large;
    EXPECT_EQ(sweep.status, SweepStatus::single);
    EXPECT_NEAR(std::log(sweep.best_lr / (0.002 * std::pow(sweep.params / 1e4, -0.4))), 0, 1e-3);
  }
  EXPECT_EQ(large, 3);
  EXPECT_EQ(std::ranges::count(summary.added, AdditionKind::transfer, &Addition::kind), 3);

  config.design.lr_transfer_factors = {0.5, 1, 2};
  EXPECT_EQ(run_study(config, simulated("s")).made, 6) << "the rates around it are added, nothing is repeated";
  for (const LrSweep& sweep : sweeps("s")) EXPECT_EQ(sweep.status, SweepStatus::interior);
}

TEST_F(Rounds, WithCompletepTheSmallestSizeGivesAllRatesAndTheLargestIsSweptToCheckThem) {
  StudyConfig config = edge_config();
  config.model.spec.parametrization = Parametrization::completep;
  config.design.learning_rates = {0.001, 0.002, 0.004};
  config.design.shapes = {{16, 1}, {24, 2}, {32, 2}, {64, 4}};
  config.design.budgets = {4e9, 8e9, 1.6e10, 3.2e10};
  config.design.lr_transfer_above = 12000;
  config.design.lr_transfer_checks = 1;
  config.simulation.lr_best_coefficient = 0.08;
  config.simulation.lr_best_exponent = 0;
  config.simulation.lr_best_tokens_exponent = -0.3;
  const StudySummary summary = run_study(config, simulated("s"));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  EXPECT_THAT(summary.left_out, IsEmpty());
  int transferred = 0, swept = 0;
  for (const LrSweep& sweep : sweeps("s")) {
    (sweep.status == SweepStatus::single ? transferred : swept) += 1;
    EXPECT_NEAR(std::log(sweep.best_lr / (0.08 * std::pow(sweep.tokens, -0.3))), 0, 1e-3) << describe_point(sweep);
  }
  EXPECT_EQ(transferred, 8);
  EXPECT_EQ(swept, 8);
  const LrLaw law = fit_lr_law(sweeps("s"), lr_law_options(config));
  EXPECT_TRUE(law.params_exponent_given);
  EXPECT_EQ(law.n, 4);
  EXPECT_THAT(describe(law), HasSubstr("4 larger points held out, 0 % off"));

  config.model.spec.parametrization = Parametrization::standard;
  EXPECT_THAT(run_study(config, simulated("standard")).later_notes,
              Contains(AllOf(HasSubstr("no law"), HasSubstr("completep"))))
      << "one size says nothing of the others";
}

TEST_F(Rounds, WithoutALawLargeShapesAreLeftOutAndNamed) {
  StudyConfig config = edge_config();
  config.design.budgets = {4e9};  // one budget: nothing tells N from D
  config.design.shapes = {{16, 1}, {16, 2}, {24, 2}, {32, 2}, {40, 3}, {64, 4}};
  config.design.lr_transfer_above = 1e5;
  const StudySummary summary = run_study(config, simulated("s"));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  ASSERT_THAT(summary.left_out, SizeIs(1));
  EXPECT_EQ(summary.left_out[0].shape, "d64 L4");
  EXPECT_THAT(summary.left_out[0].reason, HasSubstr("no law"));
  EXPECT_THAT(summary.later_notes, Contains(HasSubstr("N and D do not vary independently")));
  config.design.lr_transfer_above = 1;
  EXPECT_THROW((void)study_plan(config, true, nullptr), Error) << "nothing to fit the law to";
}

TEST_F(Rounds, EachShapeIsCheckedFromScratchAtItsMiddleBudgetAndBestRate) {
  StudyConfig config = edge_config();
  config.design.branch_checks = 3;
  config.simulation.noise = 1e-4;
  const StudySummary summary = run_study(config, simulated("s"));
  std::vector<RunRecord> records;
  for (const auto& [id, record] : read_records(folder_ / "s").records) records.push_back(record);
  const BranchingCheck check = find_branching_check(records);
  ASSERT_THAT(check.points, SizeIs(3));
  EXPECT_THAT(check.scratch_ids, SizeIs(9));
  for (const BranchingPoint& p : check.points) {
    EXPECT_NEAR(6 * p.params * p.tokens, 2e9, 0.1e9) << "the middle budget";
    EXPECT_EQ(p.status, BranchStatus::within_noise);
  }
  for (const RunRecord& r : records) {
    if (!check.scratch_ids.contains(r.id)) continue;
    EXPECT_EQ(warmup_steps(r.spec), std::llround(0.05 * static_cast<double>(run_steps(r.spec)))) << "of its own";
  }
  EXPECT_EQ(std::ranges::count(summary.added, AdditionKind::branch_check, &Addition::kind), 3);
  EXPECT_EQ(run_study(config, simulated("s")).made, 0);
}

TEST_F(Rounds, AFailedJobStopsItsOwnShapeOnly) {
  const StudyConfig config = edge_config();
  const StudySummary summary =
      run_study(config, options(folder_ / "s", {"--valley", "0.003", "--fail-shape", "d24 L2"}));
  EXPECT_EQ(summary.exit_code(), ExitCode::some_failed);
  EXPECT_THAT(summary.failed, SizeIs(1));
  for (const Addition& a : summary.added) EXPECT_NE(a.shape, "d24 L2");
  EXPECT_THAT(summary.added, ::testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace scalelaw::testing
