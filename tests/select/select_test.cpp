#include "select/select.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "records/shape.hpp"

namespace scalelaw {
namespace {

RunRecord record(double lr, double loss, std::int64_t seed = 0, std::int64_t tokens = 256000, std::int64_t width = 32) {
  RunRecord r;
  r.spec.model.d_model = width;
  r.spec.model.n_head = width / 8;
  r.spec.optimizer.lr = lr;
  r.spec.seed = seed;
  r.spec.data.tokens = tokens;
  r.id = run_id(r.spec);
  r.trunk = trunk_id(r.spec);
  r.params = count_params(r.spec.model);
  r.tokens = tokens;
  r.flops = count_flops(r.spec.model, tokens);
  r.loss.nats = loss;
  r.loss.stderr_nats = 0.004;
  return r;
}

double valley(double lr, double best) { return 2 + 0.05 * std::pow(std::log(lr / best), 2); }

TEST(Select, InterpolatesTheBestLearningRate) {
  std::vector<RunRecord> records;
  for (const double lr : {0.004, 0.008, 0.016, 0.05}) records.push_back(record(lr, valley(lr, 0.0093)));
  const Selection s = select_observations(records, {});
  ASSERT_EQ(s.observations.size(), 1U);
  const Observation& o = s.observations[0];
  EXPECT_NEAR(o.loss_nats, 2, 1e-12);
  EXPECT_NEAR(o.lr.value(), 0.0093, 1e-12);
  EXPECT_EQ(s.sweeps[0].status, SweepStatus::interior);
  EXPECT_EQ(o.run, records[1].id);
  EXPECT_EQ(o.group, records[1].trunk);
  EXPECT_EQ(o.shape, "d32 L2");
  EXPECT_EQ(o.loss_stderr, 0.004);
  EXPECT_EQ(o.params, 40960);
}

TEST(Select, ReasonsAreGroupedWithTheirCounts) {
  std::vector<RunRecord> records = {record(0.004, 2), record(0.008, 2), record(0.016, 2), record(0.03, 2, 0, 2560)};
  for (std::size_t i = 0; i < 2; ++i) {
    records[i].outcome = {
        .status = RunStatus::diverged, .step = static_cast<std::int64_t>(i), .message = "loss is nan"};
    records[i].loss.nats.reset();
  }
  const Selection s = select_observations(records, {});
  EXPECT_EQ(describe_reasons(s.excluded), "diverged (2), fewer than 150 optimizer steps (1)");
  EXPECT_EQ(describe_reasons({{"a", "lost"}, {"b", "lost"}}), "lost (2)");
  EXPECT_EQ(describe_reasons({}), "");
}

TEST(Select, EdgesAreFlaggedAndMayBeLeftOut) {
  std::vector<RunRecord> records;
  for (const double lr : {0.004, 0.008, 0.016}) {
    records.push_back(record(lr, valley(lr, 0.001)));
    records.push_back(record(lr, valley(lr, 0.1), 0, 512000));
  }
  records.push_back(record(0.01, 3.0, 0, 1024000));
  const Selection s = select_observations(records, {});
  ASSERT_EQ(s.sweeps.size(), 3U);
  EXPECT_EQ(s.sweeps[0].status, SweepStatus::edge_low);
  EXPECT_EQ(s.sweeps[1].status, SweepStatus::edge_high);
  EXPECT_EQ(s.sweeps[2].status, SweepStatus::single);
  EXPECT_EQ(s.observations.size(), 3U);
  EXPECT_EQ(s.observations[0].loss_nats, valley(0.004, 0.001));
}

TEST(Select, SeedsAreAveraged) {
  std::vector<RunRecord> records;
  for (const double lr : {0.004, 0.008, 0.016}) {
    records.push_back(record(lr, valley(lr, 0.008) + 0.01, 0));
    records.push_back(record(lr, valley(lr, 0.008) - 0.01, 1));
  }
  const Selection s = select_observations(records, {});
  ASSERT_EQ(s.observations.size(), 1U);
  EXPECT_NEAR(s.observations[0].loss_nats, 2, 1e-12);
  EXPECT_EQ(s.sweeps[0].points[1].seeds, 2);
  EXPECT_NEAR(s.observations[0].loss_stderr.value(), 0.01, 1e-12);  // sd 0.01 sqrt(2), over sqrt(2)
  EXPECT_FALSE(s.observations[0].seed.has_value());
}

TEST(Select, TheOptimumsUncertaintyComesFromSeeds) {
  // Seeds shift the optimum by -d, 0, d in ln lr: the jackknife of a mean of parabolas is that of the mean of optima.
  std::vector<RunRecord> records;
  const double d = 0.1;
  for (const std::int64_t seed : {0, 1, 2}) {
    for (const double lr : {0.004, 0.008, 0.016})
      records.push_back(record(lr, valley(lr, 0.008 * std::exp(d * static_cast<double>(seed - 1))), seed));
  }
  const LrSweep sweep = select_observations(records, {}).sweeps.at(0);
  EXPECT_NEAR(sweep.best_lr, 0.008, 1e-12);
  EXPECT_NEAR(sweep.ln_lr_stderr.value(), d / std::sqrt(3.0), 1e-9);
  EXPECT_GT(sweep.loss_stderr.value(), 0);
  records.erase(records.begin() + 3, records.end());
  EXPECT_FALSE(select_observations(records, {}).sweeps.at(0).ln_lr_stderr.has_value()) << "one seed says nothing";
}

TEST(Select, SeedsMissingAtARateAreNotJackknifed) {
  std::vector<RunRecord> records;
  for (const std::int64_t seed : {0, 1}) {
    for (const double lr : {0.004, 0.008, 0.016}) records.push_back(record(lr, valley(lr, 0.008), seed));
  }
  records.pop_back();  // seed 1 at .016
  EXPECT_FALSE(select_observations(records, {}).sweeps.at(0).ln_lr_stderr.has_value());
}

TEST(Select, NamesTheRateAtWhichRunsDiverged) {
  std::vector<RunRecord> records = {record(0.004, 2.5), record(0.008, 2.4), record(0.016, 0)};
  records.back().loss.nats.reset();
  records.back().outcome.status = RunStatus::diverged;
  const LrSweep sweep = select_observations(records, {}).sweeps.at(0);
  EXPECT_EQ(sweep.status, SweepStatus::edge_high);
  EXPECT_EQ(sweep.diverged_lr, 0.016);
  EXPECT_EQ(to_json(sweep).at("diverged_lr"), 0.016);
}

TEST(Select, WhatIsLeftOutIsNamed) {
  std::vector<RunRecord> records = {record(0.004, 2.5), record(0.008, 2.4), record(0.016, 2.6)};
  records.push_back(record(0.9, 0));
  records.back().loss.nats.reset();
  records.back().outcome = {.status = RunStatus::diverged, .step = 77, .message = "loss is not finite"};
  records.push_back(record(0.004, 4, 0, 256 * 100));
  const Selection s = select_observations(records, {});
  EXPECT_EQ(s.observations.size(), 1U);
  ASSERT_EQ(s.excluded.size(), 2U);
  EXPECT_EQ(s.excluded[0].run, records[3].id);
  EXPECT_NE(s.excluded[0].reason.find("diverged at step 77"), std::string::npos);
  EXPECT_NE(s.excluded[1].reason.find("100 optimizer steps"), std::string::npos);
}

TEST(Select, ConventionsDecideWhatNAndCAre) {
  const std::vector<RunRecord> records = {record(0.01, 2.5)};
  const Observation total = select_observations(records, {}).observations[0];
  const Observation bare =
      select_observations(records, {.convention = {ParamsCount::non_embedding, FlopsCount::six_nd}}).observations[0];
  const Observation exact =
      select_observations(records, {.convention = {ParamsCount::total, FlopsCount::exact}}).observations[0];
  EXPECT_EQ(total.params, 40960);
  EXPECT_EQ(bare.params, 24576);
  EXPECT_DOUBLE_EQ(bare.flops, 6.0 * 24576 * 256000);
  EXPECT_DOUBLE_EQ(exact.flops, 3 * 73856.0 * 256000);
}

}  // namespace
}  // namespace scalelaw
