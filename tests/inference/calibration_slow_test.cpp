// Error rates of compare_with_law over many studies whose truth is known.
#include <gtest/gtest.h>

#include <cmath>

#include "core/parallel.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"
#include "sim/reanchor.hpp"

namespace scalelaw {
namespace {

constexpr double kNoise = 0.002;

CompareOptions slow_options() {
  CompareOptions options;
  options.fit.threads = 1;
  options.fit.profile = false;
  options.fit.bootstrap.resample = Resample::parametric;  // the noise of these studies is independent
  return options;
}

/// Share of `count` studies of `truth` at these points that find each exponent significantly different from that of
/// `law`.
std::map<std::string, double> found(const std::vector<Observation>& at, const Law& truth, const Law& law,
                                    std::size_t count, std::uint64_t seed, std::int64_t simulated) {
  std::vector<Comparison> comparisons(count);
  parallel_for(count, 2, [&](std::size_t i) {
    const auto points = simulate_points(at, truth, {.sd = kNoise}, seed, i);
    CompareOptions options = slow_options();
    options.seed = seed + 1000 + i;
    options.studies = simulated;
    comparisons[i] = compare_with_law("study", points, law, 0, options);
  });
  std::map<std::string, double> share;
  for (const Comparison& c : comparisons) {
    for (const ExponentComparison& e : c.exponents) {
      EXPECT_NE(e.verdict, Verdict::not_converged);
      share[e.name] += (e.significant ? 1.0 : 0.0) / static_cast<double>(count);
    }
  }
  return share;
}

TEST(CompareCalibration, UnderTheNullFewAreFound) {
  // Standard error of a rate of 5 %: 0.34 %. Over 1200 studies it is 0.63 %, and the rates reach 2.8 and 7.2 %.
  constexpr std::size_t kCount = 4000;
  const auto share = found(tiny_points(), tiny_law(), tiny_law(), kCount, 1, 120);
  EXPECT_EQ(share.size(), 6U);  // alpha, beta, a, b, frontier, loss_slope
  for (const auto& [name, rate] : share) {
    RecordProperty(name, std::to_string(rate));
    EXPECT_GE(rate, 0.03) << name;
    EXPECT_LE(rate, 0.07) << name;
  }
}

TEST(CompareCalibration, UnderTheNullFewSlopesOfIsoflopMinimaAreFound) {
  const auto share = found(tiny_isoflop(), tiny_law(), tiny_law(), 1200, 4, 120);
  EXPECT_EQ(share.size(), 8U);  // and isoflop_a, isoflop_b
  for (const auto& [name, rate] : share) {
    RecordProperty(name, std::to_string(rate));
    EXPECT_GE(rate, 0.03) << name;
    EXPECT_LE(rate, 0.07) << name;
  }
}

/// The law with another beta, its amplitudes such that the losses stay as near to tiny_law's as they can.
Law shifted(double beta) {
  return reanchor(tiny_law(0.35, beta), simulate_points(tiny_points(), tiny_law(), {}, 1, 0)).value();
}

TEST(CompareCalibration, ADifferenceOfThreeStandardErrorsIsFound) {
  const auto points = simulate_points(tiny_points(), tiny_law(), {.sd = kNoise}, 5, 0);
  CompareOptions options = slow_options();
  options.studies = 240;
  const Comparison c = compare_with_law("study", points, tiny_law(), kNoise, options);
  double se = 0, detectable = 0;
  for (const ExponentComparison& e : c.exponents) {
    if (e.name != "beta") continue;
    se = (e.second_ci95.high - e.second_ci95.low) / (2 * 1.96);
    detectable = e.detectable;
  }
  ASSERT_GT(se, 0);
  constexpr std::size_t kCount = 400;  // standard error of a rate of 80 %: 2 %
  const double three = found(tiny_points(), shifted(0.30 + 3 * se), tiny_law(), kCount, 2, 240).at("beta");
  const double stated = found(tiny_points(), shifted(0.30 + detectable), tiny_law(), kCount, 3, 240).at("beta");
  RecordProperty("se", std::to_string(se));
  RecordProperty("detectable", std::to_string(detectable));
  RecordProperty("found_at_three_se", std::to_string(three));
  RecordProperty("found_at_detectable", std::to_string(stated));
  EXPECT_GE(three, 0.80);
  EXPECT_NEAR(stated, 0.8, 0.1);
}

}  // namespace
}  // namespace scalelaw
