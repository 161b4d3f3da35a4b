#include "inference/slopes.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/stats.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"
#include "law/optimum.hpp"

namespace scalelaw {
namespace {

std::vector<Observation> isoflop_points(const Law& law, double noise, std::uint64_t seed) {
  return simulate_points(tiny_isoflop(), law, {.sd = noise}, seed, 0);
}

/// -d ln L* / d ln C over the budgets of tiny_isoflop.
double local_loss_slope(const Law& law) {
  std::vector<double> c, l;
  for (const double flops : {1e12, 4e12, 1.6e13, 6.4e13, 2.56e14}) {
    c.push_back(std::log(flops));
    l.push_back(std::log(compute_optimal(law, flops).loss_nats));
  }
  return -fit_line(c, l).slope;
}

TEST(Slopes, OfIsoflopPointsAreThoseOfTheLaw) {
  const Law law = tiny_law();
  const auto points = isoflop_points(law, 0, 1);
  ASSERT_EQ(slope_method(points), SlopeMethod::isoflop);
  const auto slopes = slopes_of(points, SlopeMethod::isoflop);
  const AllocationExponents exponents = allocation_exponents(law).value();
  EXPECT_NEAR(slopes.at("isoflop_a"), exponents.a, 0.003);
  EXPECT_NEAR(slopes.at("isoflop_b"), exponents.b, 0.003);
  EXPECT_NEAR(slopes.at("loss_slope"), local_loss_slope(law), 0.001);
}

TEST(Slopes, OfAGridComeFromItsFrontierAndOfFewPointsFromNowhere) {
  auto points = simulate_points(tiny_points(), tiny_law(), {}, 1, 0);
  EXPECT_EQ(slope_method(points), SlopeMethod::frontier);
  const auto slopes = slopes_of(points, SlopeMethod::frontier);
  EXPECT_EQ(slopes.size(), 1U);
  EXPECT_GT(slopes.at("loss_slope"), 0);
  points.resize(6);
  EXPECT_EQ(slope_method(points), SlopeMethod::none);
  EXPECT_TRUE(slopes_of(points, SlopeMethod::none).empty());
}

TEST(Slopes, PointsOfNoWeightAreLeftOut) {
  auto points = isoflop_points(tiny_law(), 0, 1);
  const auto slopes = slopes_of(points, SlopeMethod::isoflop);
  Observation outlier = points.front();
  outlier.loss_nats /= 2;
  outlier.weight = 0;
  points.push_back(outlier);
  EXPECT_EQ(slopes_of(points, SlopeMethod::isoflop), slopes);
}

TEST(Slopes, ResamplingSpreadsThemAndDependsOnTheSeedAlone) {
  const auto points = isoflop_points(tiny_law(), 0.002, 3);
  const BootstrapOptions options{.replicates = 100, .seed = 9};
  const auto one = resampled_slopes(points, SlopeMethod::isoflop, options, 1);
  EXPECT_EQ(one, resampled_slopes(points, SlopeMethod::isoflop, options, 3));
  std::vector<double> a;
  for (const auto& slopes : one) {
    if (slopes.contains("isoflop_a")) a.push_back(slopes.at("isoflop_a"));
  }
  EXPECT_GT(a.size(), 80U);
  EXPECT_GT(standard_deviation(a), 1e-3);
  EXPECT_LT(std::abs(mean(a) - slopes_of(points, SlopeMethod::isoflop).at("isoflop_a")), 3 * standard_deviation(a));
}

const ExponentComparison* exponent(const Comparison& c, const std::string& name) {
  for (const ExponentComparison& e : c.exponents) {
    if (e.name == name) return &e;
  }
  return nullptr;
}

TEST(CompareWithLaw, IsoflopAndLossSlopesAreComparedToo) {
  CompareOptions options;
  options.studies = 60;
  options.fit.threads = 2;
  options.fit.bootstrap.replicates = 60;  // of the fit alone: slopes have their interval from the simulated studies
  const Law law = tiny_law();
  const Comparison same = compare_with_law("study", isoflop_points(law, 0.002, 4), law, 0, options);
  for (const char* name : {"alpha", "beta", "a", "b", "frontier", "isoflop_a", "isoflop_b", "loss_slope"}) {
    ASSERT_NE(exponent(same, name), nullptr) << name;
    EXPECT_FALSE(exponent(same, name)->significant) << name;
    EXPECT_LT(exponent(same, name)->first_ci95.low, exponent(same, name)->first) << name;
    EXPECT_GT(exponent(same, name)->first_ci95.high, exponent(same, name)->first) << name;
  }
  EXPECT_EQ(exponent(same, "loss_slope")->verdict, Verdict::equivalent);
  // amplitudes are refitted, exponents are not: the isoFLOP minima move with C in another way
  const Comparison other = compare_with_law("study", isoflop_points(law, 0.002, 4), tiny_law(0.35, 0.60), 0, options);
  EXPECT_NE(exponent(other, "a")->verdict, Verdict::equivalent);
}

TEST(CompareObservations, IsoflopSlopesOfTwoStudiesAreBootstrapped) {
  CompareOptions options;
  options.studies = 60;
  options.fit.threads = 2;
  const Law law = tiny_law();
  // the same optimum at the middle budget, so that every minimum lies inside the sizes tried
  const Scale middle = compute_optimal(law, 1.6e13).scale;
  const double b = 0.35 * 30 / std::pow(middle.params, 0.35) * std::pow(middle.tokens, 0.45) / 0.45;
  const Law other = simulation_law(
      {.law = "chinchilla", .params = {{"E", 1.0}, {"A", 30}, {"B", b}, {"alpha", 0.35}, {"beta", 0.45}}});
  const Comparison c =
      compare_observations("first", isoflop_points(law, 0.001, 5), "second", isoflop_points(other, 0.001, 6), options);
  const ExponentComparison* a = exponent(c, "isoflop_a");
  ASSERT_NE(a, nullptr);
  const double truth = allocation_exponents(law)->a - allocation_exponents(other)->a;
  EXPECT_NEAR(a->difference, truth, 0.05);
  EXPECT_EQ(a->verdict, Verdict::different);
  ASSERT_NE(exponent(c, "loss_slope"), nullptr);
}

}  // namespace
}  // namespace scalelaw
