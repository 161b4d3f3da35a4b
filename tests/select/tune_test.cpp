// Rates of a table tuned as those of records are.
#include "select/tune.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "core/rng.hpp"
#include "fit/fit.hpp"
#include "fit/optima.hpp"
#include "records/read_observations.hpp"

namespace scalelaw {
namespace {

const std::string kCases = std::string(SCALELAW_SOURCE_DIR) + "/tests/data/cases/";

Observation at(double params, double tokens, double lr, double loss) {
  Observation o;
  o.params = params, o.tokens = tokens, o.flops = 6 * params * tokens, o.loss_nats = loss, o.lr = lr;
  return o;
}

TEST(TunePoints, KnownSweepGivesTheKnownLaw) {
  const TunedTable tuned = tune_points(read_observations(kCases + "lr_sweep_known.csv"));
  ASSERT_EQ(tuned.points.size(), 25U);
  ASSERT_EQ(tuned.sweeps.size(), 25U);
  const FitResult r = fit_points(tuned.points, {.profile = false});
  EXPECT_NEAR(r.fitted.values[0], 1.805, 5e-4);
  EXPECT_NEAR(r.derived.at("a"), 0.5146, 5e-5);
}

TEST(TunePoints, RandomParabolasAreFoundAtTheirVertex) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng = make_rng(seed, "tune");
    std::vector<Observation> points;
    std::map<double, std::pair<double, double>> truth;  // by params: rate and loss
    for (int shape = 0; shape < 4; ++shape) {
      const double params = 1e6 * std::pow(3, shape), best = 1e-3 * std::exp(standard_normal(rng) * 0.3);
      const double loss = 2 + uniform01(rng), curvature = 0.05 + 0.1 * uniform01(rng);
      truth[params] = {best, loss};
      for (int k = -4; k <= 4; ++k) {
        const double lr = 1e-3 * std::pow(2, k), x = std::log(lr / best);
        points.push_back(at(params, 1e9, lr, loss + curvature * x * x));
      }
    }
    for (std::size_t i = points.size(); i > 1; --i) std::swap(points[i - 1], points[uniform_below(rng, i)]);
    const TunedTable tuned = tune_points(points);
    ASSERT_EQ(tuned.points.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(tuned.sweeps[i].status, SweepStatus::interior);
      const auto& [lr, loss] = truth.at(tuned.points[i].params);
      EXPECT_NEAR(*tuned.points[i].lr / lr, 1, 1e-9);
      EXPECT_NEAR(tuned.points[i].loss_nats, loss, 1e-12);
    }
  }
}

TEST(TunePoints, TablesWithoutSweepsStayAsTheyAre) {
  std::vector<Observation> one = {at(2e6, 1e9, 1e-3, 3), at(1e6, 1e9, 2e-3, 3.2)};
  EXPECT_TRUE(tune_points(one).sweeps.empty());
  EXPECT_EQ(tune_points(one).points[0].params, 2e6) << "in their order";
  one.push_back(at(1e6, 1e9, 4e-3, 3.1));
  EXPECT_EQ(tune_points(one).points.size(), 2U);
  one.back().lr.reset();
  EXPECT_TRUE(tune_points(one).sweeps.empty()) << "a run without a rate";
  one.back().lr = 4e-3;
  for (Observation& o : one) o.run = "a";
  EXPECT_TRUE(tune_points(one).sweeps.empty()) << "rows of one run are a curve, no sweep";
}

TEST(TunePoints, RowsWithoutARateDoNotStopTheTuning) {
  auto points = read_observations(kCases + "lr_sweep_known.csv");
  Observation without = points.front();
  without.params *= 1.1, without.flops *= 1.1;
  without.lr.reset();
  points.insert(points.begin() + 3, without);
  const TunedTable tuned = tune_points(points);
  EXPECT_EQ(tuned.sweeps.size(), 25U);
  EXPECT_EQ(tuned.without_rate, 1);
  ASSERT_EQ(tuned.points.size(), 26U);
  EXPECT_EQ(tuned.points.back().params, without.params);
  EXPECT_EQ(tuned.points.back().loss_nats, without.loss_nats);
}

TEST(NotOptima, OneSizeAtEachCompute) {
  std::vector<Observation> points;
  for (int k = 0; k < 5; ++k) points.push_back(at(1e6 * std::pow(2, k), 1e8 * std::pow(2, k), 1e-3, 3 - 0.1 * k));
  EXPECT_EQ(not_optima(points, true), "");
  auto twin = points;
  twin.push_back(at(2e6, 5e7, 1e-3, 3.05));  // the compute of the first
  EXPECT_THAT(not_optima(twin, false), testing::HasSubstr("only one of two sizes"));
  auto worse = points;
  worse[3].loss_nats = 3.2;
  EXPECT_THAT(not_optima(worse, true), testing::HasSubstr("has a higher loss, 3.2 against 2.8"));
  EXPECT_EQ(not_optima(worse, false), "") << "losses that nobody gave";
}

}  // namespace
}  // namespace scalelaw
