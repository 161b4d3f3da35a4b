#include "select/noise.hpp"

#include "core/stats.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

// Sets of `seeds` runs that differ in nothing but their seed, at losses from low to high.
std::vector<Observation> replicates(int sets, int seeds, double low, double high, const NoiseModel& noise,
                                    std::uint64_t seed) {
  std::vector<Observation> points;
  Rng rng = make_rng(seed, "noise");
  for (int i = 0; i < sets; ++i) {
    const double loss = low * std::pow(high / low, sets > 1 ? i / (sets - 1.0) : 0);
    for (int j = 0; j < seeds; ++j) {
      Observation o;
      o.params = 1e5 * (1 + i);
      o.tokens = 1e7;
      o.flops = 6 * o.params * o.tokens;
      o.seed = j;
      o.loss_nats = loss * std::exp(noise.at(loss) * standard_normal(rng));
      points.push_back(o);
    }
  }
  return points;
}

TEST(Noise, IsPooledOverSetsOfSeeds) {
  const auto noise = estimate_noise(replicates(100, 4, 3, 3, {.sd = 0.02}, 2));
  ASSERT_TRUE(noise.has_value());
  EXPECT_NEAR(noise->sd, 0.02, 0.002);
  EXPECT_EQ(noise->freedom, 300);
  EXPECT_EQ(noise->at(5), noise->at(2)) << "sets of one loss show no slope";
}

TEST(Noise, ThePooledValueIsTheRootOfTheMeanSquare) {
  const std::vector<Observation> points = replicates(2, 3, 2, 4, {.sd = 0.01}, 3);
  double squares = 0;
  for (int i = 0; i < 2; ++i) {
    std::vector<double> logs;
    for (int j = 0; j < 3; ++j) logs.push_back(std::log(points[static_cast<std::size_t>(3 * i + j)].loss_nats));
    squares += 2 * std::pow(standard_deviation(logs), 2);
  }
  EXPECT_NEAR(estimate_noise(points)->sd, std::sqrt(squares / 4), 1e-15);
}

TEST(Noise, ThatGrowsWithTheLossIsFound) {
  // About Porian et al. 2024's on RefinedWeb: 0.002 at a loss of 3, 0.05 at 7 nats, a power of 3.8.
  const NoiseModel truth{.sd = 0.01, .at_loss = 4.5, .slope = 3.8};
  const auto noise = estimate_noise(replicates(30, 4, 3, 7, truth, 4));
  ASSERT_TRUE(noise.has_value());
  EXPECT_NEAR(noise->slope, 3.8, 0.6);  // standard error about .28
  for (const double loss : {3.0, 4.5, 7.0}) EXPECT_NEAR(noise->at(loss) / truth.at(loss), 1, 0.25) << loss;
}

TEST(Noise, ASlopeIsTakenOnlyWhereTheReplicatesShowOne) {
  int slopes = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    slopes += estimate_noise(replicates(8, 3, 3, 6, {.sd = 0.01}, seed))->slope != 0;
  }
  EXPECT_LE(slopes, 24);  // 5 % of 200 at large samples, some more with 16 degrees of freedom
}

TEST(Noise, TakesThreeDegreesOfFreedom) {
  auto points = replicates(1, 4, 3, 3, {.sd = 0.02}, 1);
  EXPECT_TRUE(estimate_noise(points).has_value());
  points.pop_back();
  EXPECT_FALSE(estimate_noise(points).has_value());
  points = replicates(3, 2, 3, 5, {.sd = 0.02}, 1);
  EXPECT_EQ(estimate_noise(points)->freedom, 3);
  for (Observation& o : points) o.seed.reset();
  EXPECT_FALSE(estimate_noise(points).has_value()) << "without seeds nothing is a replicate";
}

TEST(Noise, RunsOfOtherRatesOrRepetitionAreNoReplicates) {
  auto points = replicates(1, 4, 3, 3, {.sd = 0.02}, 1);
  for (std::size_t i = 0; i < points.size(); ++i) points[i].lr = 0.01 * (1 + static_cast<double>(i));
  EXPECT_FALSE(estimate_noise(points).has_value());
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].lr = 0.01;
    points[i].unique_tokens = 1e6 * (1 + static_cast<double>(i));
  }
  EXPECT_FALSE(estimate_noise(points).has_value());
}

TEST(Noise, OfSeedsIsThatOfTheParametricBootstrap) {
  // The same runs with twice the noise between seeds have intervals twice as wide, whatever their residuals.
  const auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.004, 1);
  const auto se = [&](double sd) {
    FitOptions options{.profile = false, .bootstrap = {.replicates = 200, .resample = Resample::parametric}};
    options.noise = NoiseModel{.sd = sd, .freedom = 1000};
    return fit_points(points, options).bootstrap.derived_se.at("a");
  };
  EXPECT_NEAR(se(0.008) / se(0.004), 2, 0.3);
}

TEST(Noise, FewReplicatesMakeWiderIntervals) {
  const auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 8, 0.004, 1);
  const auto width = [&](std::int64_t freedom) {
    FitOptions options{.profile = false, .bootstrap = {.replicates = 400, .resample = Resample::parametric}};
    options.noise = NoiseModel{.sd = 0.004, .freedom = freedom};
    const Interval i = fit_points(points, options).bootstrap.derived_ci95.at("a");
    return i.high - i.low;
  };
  EXPECT_GT(width(4) / width(100000), 1.2);  // Student's t with 4 degrees: 2.78 instead of 1.96
}

}  // namespace
}  // namespace scalelaw
