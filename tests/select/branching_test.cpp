#include "select/branching.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "core/rng.hpp"
#include "records/shape.hpp"
#include "select/select.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

RunRecord record(std::int64_t steps, double lr, std::int64_t warmup, std::int64_t seed, double loss,
                 std::int64_t width = 16) {
  RunRecord r;
  r.spec.model.d_model = width;
  r.spec.model.n_head = width / 8;
  r.spec.optimizer.lr = lr;
  r.spec.optimizer.warmup_fraction = static_cast<double>(warmup) / static_cast<double>(steps);
  r.spec.seed = seed;
  r.spec.data.tokens = r.tokens = steps * r.spec.data.batch_tokens;
  r.id = run_id(r.spec);
  r.trunk = trunk_id(r.spec);
  r.params = count_params(r.spec.model);
  r.flops = count_flops(r.spec.model, r.tokens);
  r.loss.nats = loss;
  return r;
}

/// Branches of 200, 400 and 800 steps at three rates, and three runs of 400 steps from scratch at the middle one.
std::vector<RunRecord> records(double scratch_offset) {
  std::vector<RunRecord> out;
  for (const double lr : {0.004, 0.008, 0.016}) {
    for (const std::int64_t steps : {200, 400, 800})
      out.push_back(record(steps, lr, 10, 0, 2 + (lr == 0.008 ? 0 : 0.1) + 50.0 / static_cast<double>(steps)));
  }
  const std::vector<double> noise = {0.002, -0.004, 0.002};
  for (std::int64_t seed = 0; seed < 3; ++seed)
    out.push_back(record(400, 0.008, 20, seed, 2.125 + scratch_offset + noise[static_cast<std::size_t>(seed)]));
  return out;
}

TEST(BranchingCheckOf, PairsBranchesWithRunsFromScratchAndMeasuresTheNoiseOfSeeds) {
  const BranchingCheck check = find_branching_check(records(0));
  ASSERT_THAT(check.points, SizeIs(1));
  EXPECT_THAT(check.scratch_ids, SizeIs(3));
  const BranchingPoint& p = check.points[0];
  EXPECT_EQ(p.shape, "d16 L2");
  EXPECT_THAT(p.branch_nats, SizeIs(1));
  EXPECT_THAT(p.scratch_nats, SizeIs(3));
  EXPECT_NEAR(p.difference_nats, 0, 1e-12);
  EXPECT_NEAR(check.seed_sd_nats.value(), std::sqrt(24e-6 / 2), 1e-12);
  EXPECT_EQ(check.degrees, 2);
  EXPECT_NEAR(p.allowed_nats, 4.302653 * check.seed_sd_nats.value() * std::sqrt(1 + 1 / 3.0), 1e-6);
  EXPECT_EQ(p.status, BranchStatus::within_noise);
  EXPECT_THAT(describe(check), HasSubstr("1 of 1 branches within seed noise"));
}

/// A rate that results called for at one budget alone has a trunk of its own, and may be the one that is checked.
TEST(BranchingCheckOf, ARateTriedAtOneBudgetAloneHasABranchToo) {
  std::vector<RunRecord> all = records(0);
  std::erase_if(all, [](const RunRecord& r) { return r.spec.optimizer.lr == 0.016; });
  all.push_back(record(400, 0.016, 10, 0, 2.1));
  all.push_back(record(400, 0.016, 20, 0, 2.11));
  all.push_back(record(400, 0.016, 20, 1, 2.09));
  const BranchingCheck check = find_branching_check(all);
  ASSERT_THAT(check.points, SizeIs(2));
  EXPECT_THAT(check.scratch_ids, SizeIs(5));
  EXPECT_EQ(check.points[1].lr, 0.016);
  EXPECT_THAT(check.points[1].branch_nats, SizeIs(1));
  EXPECT_NEAR(check.points[1].difference_nats, 0, 1e-12);
  // with another warmup than the shape's trunks it is no branch, and says nothing of one
  for (RunRecord& r : all) {
    if (r.spec.optimizer.lr == 0.016) r = record(400, 0.016, warmup_steps(r.spec) + 3, r.spec.seed, *r.loss.nats);
  }
  EXPECT_THAT(find_branching_check(all).points, SizeIs(1));
}

TEST(BranchingCheckOf, SeesABranchThatIsWorse) {
  const BranchingCheck check = find_branching_check(records(-0.1));
  EXPECT_EQ(check.points[0].status, BranchStatus::differs);
  EXPECT_NEAR(check.points[0].difference_nats, 0.1, 1e-12);
  EXPECT_THAT(describe(check), HasSubstr("differs by +0.1000 nats"));
}

TEST(BranchingCheckOf, RarelyAccusesNoiseAlone) {
  boost::random::normal_distribution<double> normal;
  Rng rng = make_rng(5, "branching");
  int accused = 0, points = 0;
  for (int study = 0; study < 200; ++study) {
    std::vector<RunRecord> all;
    for (const std::int64_t width : {16, 24, 32, 40}) {
      for (const std::int64_t steps : {200, 400})
        all.push_back(record(steps, 0.01, 10, 0, 2 + 0.01 * normal(rng), width));
      for (std::int64_t seed = 0; seed < 2; ++seed)
        all.push_back(record(400, 0.01, 20, seed, 2 + 0.01 * normal(rng), width));
    }
    for (const BranchingPoint& p : find_branching_check(all).points) {
      ++points;
      accused += p.status == BranchStatus::differs ? 1 : 0;
    }
  }
  EXPECT_EQ(points, 800);
  EXPECT_NEAR(accused / 800.0, 0.05, 0.03);
}

TEST(BranchingCheckOf, NoCheckWhereEveryTrunkHasItsBranches) {
  std::vector<RunRecord> all = records(0);
  all.resize(9);
  EXPECT_TRUE(find_branching_check(all).points.empty());
  EXPECT_EQ(describe(find_branching_check(all)), "");
  // Two configs with different warmups in one folder are two ladders, not a check.
  for (const std::int64_t steps : {200, 400, 800}) all.push_back(record(steps, 0.008, 20, 0, 2));
  EXPECT_TRUE(find_branching_check(all).points.empty());
}

TEST(BranchingCheckOf, OneSeedLeavesTheNoiseUnknownAndDivergenceIsNamed) {
  std::vector<RunRecord> all = records(0);
  all.resize(10);
  BranchingCheck check = find_branching_check(all);
  ASSERT_THAT(check.points, SizeIs(1));
  EXPECT_EQ(check.points[0].status, BranchStatus::noise_unknown);
  EXPECT_TRUE(to_json(check).at("seed_sd_nats").is_null());
  all.back().loss.nats.reset();
  all.back().outcome.status = RunStatus::diverged;
  check = find_branching_check(all);
  EXPECT_EQ(check.points[0].status, BranchStatus::diverged);
}

TEST(BranchingCheckOf, RunsFromScratchTakeNoPartInTheSweeps) {
  const Selection with = select_observations(records(-0.5), {});
  std::vector<RunRecord> without = records(0);
  without.resize(9);
  const Selection plain = select_observations(without, {});
  ASSERT_EQ(with.observations.size(), plain.observations.size());
  for (std::size_t i = 0; i < plain.observations.size(); ++i)
    EXPECT_EQ(with.observations[i].loss_nats, plain.observations[i].loss_nats);
  EXPECT_THAT(with.excluded, SizeIs(3));
  EXPECT_THAT(with.excluded[0].reason, HasSubstr("check branching"));
}

}  // namespace
}  // namespace scalelaw
