#include "inference/multiplier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

std::vector<Observation> of_case(const std::string& name) {
  return read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases" / name);
}

FitResult fit_of(const Law& law, double low = 1e12, double high = 1e16) {
  FitResult fit;
  fit.law = law.kind;
  fit.fitted = law;
  fit.convergence.status = FitStatus::converged;
  fit.flops_range = {.low = low, .high = high};
  return fit;
}

TEST(ComputeMultiplier, TheCaseOfTwoRecipes) {
  // B makes 1.25 times as much of its tokens. Fits by SciPy: 1.250, 1.252, 1.249.
  CompareOptions options;
  options.fit.threads = 2;
  options.flops = {1e19, 1e20, 1e22};
  const Comparison c =
      compare_observations("recipe_a", of_case("recipe_a.csv"), "recipe_b", of_case("recipe_b.csv"), options);
  ASSERT_EQ(c.multipliers.size(), 3U);
  const double right[] = {1.250, 1.252, 1.249};
  for (std::size_t i = 0; i < 3; ++i) {
    const ComputeMultiplier& m = c.multipliers[i];
    EXPECT_NEAR(m.value, right[i], 0.0015) << m.flops;
    EXPECT_LT(m.ci95.low, 1.25);
    EXPECT_GT(m.ci95.high, 1.25);
    EXPECT_EQ(m.extrapolated, m.flops > 3.1e20);  // the largest budget of both
    EXPECT_TRUE(m.extrapolated || m.ci95.low > 1) << "the gain is far above the noise";
    EXPECT_EQ(m.draws, c.studies);
  }
  EXPECT_THAT(describe(c), HasSubstr("recipe_b reaches the loss of recipe_a with 1/1.25 of the compute"));
  EXPECT_EQ(to_json(c)["compute_multiplier"][1]["flops"], 1e20);
}

TEST(ComputeMultiplier, MoreUseOfEveryTokenIsExactlyThatMuchCompute) {
  // L2(N, D) = L1(N, k D): B k^-beta; the optimum of k C for the one is that of C for the other.
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    Rng rng = make_rng(seed, "multiplier");
    for (int i = 0; i < 25; ++i) {
      const double k = std::exp(2 * uniform01(rng) - 1);
      const Law first = tiny_law(0.2 + 0.3 * uniform01(rng), 0.2 + 0.3 * uniform01(rng));
      Law second = first;
      second.values[2] *= std::pow(k, -second.value("beta"));
      const auto all = compute_multipliers(fit_of(first), fit_of(second), {1e12, 1e14, 1e16});
      ASSERT_EQ(all.size(), 3U);
      for (const ComputeMultiplier& m : all) EXPECT_NEAR(m.value, k, 1e-9 * k);
    }
  }
}

TEST(ComputeMultiplier, IsTheInverseOfItsOpposite) {
  const FitResult a = fit_of(tiny_law(0.35, 0.30)), b = fit_of(tiny_law(0.33, 0.32));
  const auto there = compute_multipliers(a, b, {1e14});
  const auto back = compute_multipliers(b, a, {1e14 * there[0].value});
  EXPECT_NEAR(there[0].value * back[0].value, 1, 1e-9);
}

TEST(ComputeMultiplier, AlikeIsNoMoreThanTheIntervalAllows) {
  ComputeMultiplier m{.flops = 1e16, .value = 1.003, .ci95 = {.low = 0.734, .high = 1.6}, .draws = 500};
  EXPECT_THAT(
      describe({m}, "a", "b"),
      HasSubstr("at 10¹⁶ FLOPs a and b come out alike; the interval [0.734, 1.600] leaves open which is better"));
  m.ci95 = {.low = 0.998, .high = 1.004};
  EXPECT_THAT(describe({m}, "a", "b"), HasSubstr("come out alike, within half a percent of their compute"));
  m.value = 1.25;
  EXPECT_THAT(describe({m}, "a", "b"), HasSubstr("b reaches the loss of a with 1/1.25 of the compute"));
}

TEST(ComputeMultiplier, ALossOutOfReachIsInfiniteAndSaid) {
  Law better = tiny_law(), worse = tiny_law();
  worse.values[0] = 2.5;  // its floor lies above what the other reaches at 1e16
  const auto all = compute_multipliers(fit_of(worse), fit_of(better), {1e16});
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(std::isinf(all[0].value));
  EXPECT_THAT(describe(all, "worse", "better"), HasSubstr("no compute of worse reaches the loss of better"));
}

TEST(ComputeMultiplier, BudgetsAreThoseThatBothHaveSeen) {
  const Law law = tiny_law();
  EXPECT_THAT(multiplier_budgets(fit_of(law, 2e12, 3e15), fit_of(law, 1e11, 1e15)),
              testing::ElementsAre(1e13, 1e14, 1e15));
  EXPECT_EQ(multiplier_budgets(fit_of(law, 2e12, 8e12), fit_of(law, 1e11, 1e15)).size(), 3U);
  EXPECT_TRUE(multiplier_budgets(fit_of(law, 1e12, 1e13), fit_of(law, 1e14, 1e15)).empty());
  EXPECT_TRUE(compute_multipliers(fit_of(published_law("kaplan2020-n")), fit_of(law), {1e13}).empty());
}

}  // namespace
}  // namespace scalelaw
