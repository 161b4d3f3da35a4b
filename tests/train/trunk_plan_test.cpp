#include "train/trunk_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "synthetic.hpp"

namespace scalelaw {
namespace {

using synthetic::small_run;

Job job_of(std::vector<RunSpec> runs) {
  Job job;
  job.runs = std::move(runs);
  return job;
}

TEST(TrunkPlan, SharesTrunksAndDropsMembersThatAreDone) {
  const TrunkPlan plan =
      plan_trunk(job_of({small_run("x", 0.1, 100), small_run("x", 0.1, 50), small_run("x", 0.2, 50)}));
  ASSERT_EQ(plan.members.size(), 2U);
  ASSERT_EQ(plan.branches.size(), 2U);
  EXPECT_EQ(plan.branches[0].trunk_step, 40);
  EXPECT_EQ(plan.branches[0].steps, 50);
  EXPECT_EQ(plan.branches[0].runs, (std::vector<std::size_t>{1, 2}));
  EXPECT_EQ(plan.branches[1].trunk_step, 80);
  EXPECT_EQ(plan.branches[1].runs, (std::vector<std::size_t>{0}));
  EXPECT_EQ(plan.members_from(0).size(), 2U);
  EXPECT_EQ(plan.members_from(1), (std::vector<std::size_t>{plan.member_of[0]}));
  // two members for 40 + 10 steps, then one for 40 + 20
  EXPECT_EQ(plan.member_steps_before(1), 2 * 50);
  EXPECT_EQ(plan.member_steps_before(2), 2 * 50 + 60);
}

TEST(TrunkPlan, WithoutATrunkEveryBudgetStartsFromScratch) {
  std::vector<RunSpec> runs = {small_run("x", 0.1, 100), small_run("x", 0.1, 50)};
  for (RunSpec& run : runs) run.schedule.kind = ScheduleKind::cosine;
  runs[1].optimizer.warmup_fraction = runs[0].optimizer.warmup_fraction;
  const TrunkPlan plan = plan_trunk(job_of(runs));
  ASSERT_EQ(plan.branches.size(), 2U);
  EXPECT_EQ(plan.members.size(), 1U);
  EXPECT_EQ(plan.branches[0].trunk_step, 0);
  EXPECT_EQ(plan.branches[1].trunk_step, 0);
  EXPECT_EQ(plan.member_steps_before(2), 150);
}

TEST(TrunkPlan, DoesNotDependOnTheOrderOfRuns) {
  std::vector<RunSpec> runs = {small_run("x", 0.1, 100), small_run("x", 0.2, 100, 2), small_run("x", 0.1, 50),
                               small_run("x", 0.2, 100, 1)};
  const auto ids = [](const Job& job) {
    std::vector<std::string> result;
    for (const Branch& branch : plan_trunk(job).branches) {
      for (const std::size_t run : branch.runs) result.push_back(run_id(job.runs[run]));
    }
    return result;
  };
  const std::vector<std::string> before = ids(job_of(runs));
  std::reverse(runs.begin(), runs.end());
  EXPECT_EQ(ids(job_of(runs)), before);
}

}  // namespace
}  // namespace scalelaw
