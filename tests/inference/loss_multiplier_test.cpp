#include "inference/loss_multiplier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/stats.hpp"
#include "inference/compare.hpp"
#include "inference/multiplier.hpp"
#include "inference/surface.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

std::vector<Observation> of_case(const std::string& name) {
  return read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases" / name);
}

/// What uses every token k times as well.
Law with_tokens(Law law, double k) {
  law.values[2] *= std::pow(k, -law.value("beta"));
  return law;
}

FitOptions fit_options() {
  return {.objective = {.kind = ObjectiveKind::log_mse},
          .profile = false,
          .goodness = false,
          .bootstrap = {.replicates = 60}};
}

TEST(LossMultiplier, OfTwoRecipesIsTheSameAtEveryLossWithOwnAndSharedExponents) {
  const auto a = of_case("recipe_a.csv"), b = of_case("recipe_b.csv");
  CompareOptions options;
  options.fit.threads = 2;
  options.multiplier = MultiplierOptions{};
  const Comparison own = compare_observations("a", a, "b", b, options);
  ASSERT_TRUE(own.loss_multipliers);
  ASSERT_EQ(own.loss_multipliers->at.size(), 5U);
  double before = 10;
  for (const LossMultiplier& m : own.loss_multipliers->at) {
    EXPECT_NEAR(m.value, 1.25, 0.012) << m.loss_nats;
    EXPECT_LT(m.ci95.low, 1.25) << m.loss_nats;
    EXPECT_GT(m.ci95.high, 1.25) << m.loss_nats;
    EXPECT_NEAR(m.first_flops / m.second_flops, m.value, 1e-9);
    EXPECT_FALSE(m.first_outside || m.second_outside) << m.loss_nats;
    EXPECT_LT(m.loss_nats, before);
    before = m.loss_nats;
  }
  EXPECT_EQ(own.multipliers.size(), 3U) << "at budgets, as ever";

  options.multiplier->shared_exponents = true;
  const Comparison shared = compare_observations("a", a, "b", b, options);
  const LossMultipliers& s = *shared.loss_multipliers;
  ASSERT_TRUE(s.joint && s.joint->converged) << s.failure;
  // The least of 300 descents of SciPy (BFGS).
  EXPECT_NEAR(s.joint->objective / 0.0002490074271, 1, 1e-6);
  EXPECT_NEAR(s.joint->first.value("E"), 1.8071162, 1e-5);
  EXPECT_NEAR(s.joint->first.value("alpha"), 0.3463868, 1e-5);
  EXPECT_NEAR(s.joint->first.value("beta"), 0.3589650, 1e-5);
  EXPECT_GE(s.joint->objective, s.joint->separate);
  for (const LossMultiplier& m : s.at) {
    EXPECT_NEAR(m.value, 1.249842, 2e-5);
    EXPECT_NEAR(m.ci95.low, s.at.front().ci95.low, 1e-6) << "one number at every loss";
    EXPECT_LT(m.ci95.low, 1.25);
    EXPECT_GT(m.ci95.high, 1.25);
  }
  EXPECT_THAT(describe_multipliers(shared), HasSubstr("a needs 1.250 times the compute of b for a loss of"));
  EXPECT_EQ(to_json(shared).at("multiplier").at("shared_exponents"), true);
  EXPECT_FALSE(to_json(own).at("multiplier").contains("joint"));
}

TEST(LossMultiplier, IsExactWithoutNoise) {
  const auto a = simulate_points(tiny_isoflop(), tiny_law(), {}, 1, 0);
  const auto b = simulate_points(tiny_isoflop(), with_tokens(tiny_law(), 1.5), {}, 1, 1);
  const FitOptions options = fit_options();
  const FitResult first = fit_points(a, options), second = fit_points(b, options);
  for (const bool shared : {false, true}) {
    const LossMultipliers all = loss_multipliers(a, b, first, second, options, {.shared_exponents = shared});
    ASSERT_EQ(all.at.size(), 5U) << all.failure;
    for (const LossMultiplier& m : all.at) EXPECT_NEAR(m.value, 1.5, 1e-6);
  }
}

TEST(LossMultiplier, StaysWithinWhatBothHaveReached) {
  auto near = tiny_isoflop(), far = tiny_isoflop();
  std::erase_if(near, [](const Observation& o) { return o.flops > 2e13; });
  std::erase_if(far, [](const Observation& o) { return o.flops < 1e13; });
  const auto a = simulate_points(near, tiny_law(), {}, 1, 0);
  const auto b = simulate_points(far, with_tokens(tiny_law(), 1.5), {}, 1, 1);
  FitOptions options = fit_options();
  options.bootstrap.replicates = 0;
  const FitResult first = fit_points(a, options), second = fit_points(b, options);
  // B begins at 1.6e13, with what A has at 2.4e13, beyond its 1.6e13.
  const LossMultipliers none = loss_multipliers(a, b, first, second, options, {});
  EXPECT_TRUE(none.at.empty());
  EXPECT_THAT(none.failure, HasSubstr("no loss was reached by both"));
  EXPECT_THAT(describe(none, "a", "b"), HasSubstr("no compute multiplier: no loss was reached by both"));

  const double loss = least_loss(first.fitted, 1e13);  // A's, and above all of B's
  const LossMultipliers asked = loss_multipliers(a, b, first, second, options, {.losses = {loss, 1.0001}});
  ASSERT_EQ(asked.at.size(), 2U);
  EXPECT_NEAR(asked.at[0].value, 1.5, 1e-6);
  EXPECT_FALSE(asked.at[0].first_outside);
  EXPECT_TRUE(asked.at[0].second_outside);
  EXPECT_TRUE(asked.at[1].first_outside && asked.at[1].second_outside);
  EXPECT_EQ(asked.at[0].draws, 0);
  EXPECT_TRUE(to_json(asked).at("at")[0].at("ci95").is_null());
  const std::string text = describe(asked, "a", "b");
  EXPECT_THAT(text, HasSubstr("outside the runs"));
  EXPECT_THAT(text, HasSubstr("every multiplier here is an extrapolation"));
}

TEST(LossMultiplier, ALossOutOfReachIsInfinite) {
  Law worse = tiny_law();
  worse.values[0] = 2.5;
  EXPECT_TRUE(std::isinf(compute_reaching(worse, 2.4, 1e14)));
  const double c = compute_reaching(tiny_law(), 2.4, 1e14);
  EXPECT_NEAR(least_loss(tiny_law(), c), 2.4, 1e-9);
}

TEST(LossMultiplier, IsInfiniteWhereOnlyTheSecondReaches) {
  const auto a = simulate_points(tiny_isoflop(), tiny_law(), {}, 1, 0);
  Law better = tiny_law();
  better.values[0] = 0.5;
  const auto b = simulate_points(tiny_isoflop(), better, {}, 1, 1);
  FitOptions options = fit_options();
  options.bootstrap.replicates = 0;
  const LossMultipliers all =
      loss_multipliers(a, b, fit_points(a, options), fit_points(b, options), options, {.losses = {0.9}});
  EXPECT_TRUE(std::isinf(all.at[0].value));
  EXPECT_TRUE(to_json(all).at("at")[0].at("value").is_null());
  EXPECT_THAT(describe(all, "a", "b"), HasSubstr("no compute of a reaches a loss of 0.9"));
}

TEST(JointFit, OfTwoCopiesIsTheFit) {
  const auto a = simulate_points(tiny_isoflop(), tiny_law(), {.sd = 0.003}, 1, 0);
  for (const ObjectiveKind kind : {ObjectiveKind::log_huber, ObjectiveKind::log_mse, ObjectiveKind::mse}) {
    FitOptions options = fit_options();
    options.objective.kind = kind;
    const FitResult fit = fit_points(a, options);
    const JointFit joint = fit_jointly(a, a, fit, fit, options);
    ASSERT_TRUE(joint.converged);
    EXPECT_NEAR(joint.objective / joint.separate, 1, 1e-9);
    for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(joint.second.values[k] / fit.fitted.values[k], 1, 1e-5);
  }
}

TEST(JointFit, DrawsAreTheJointFitsToWhatWasDrawn) {
  // As draws of both fits stand those of the fits to new losses; the joint fit to those losses must come out.
  const Law law = tiny_law(), better = with_tokens(tiny_law(), 1.5);
  const FitOptions options = fit_options();
  const auto a = simulate_points(tiny_isoflop(), law, {}, 1, 0);
  const auto b = simulate_points(tiny_isoflop(), better, {}, 1, 0);
  FitResult first = fit_points(a, options), second = fit_points(b, options);
  first.bootstrap.draws.clear();
  second.bootstrap.draws.clear();
  std::vector<double> direct;
  constexpr std::uint64_t kDraws = 30;
  for (std::uint64_t i = 0; i < kDraws; ++i) {
    const auto new_a = simulate_points(tiny_isoflop(), law, {.sd = 0.003}, 7, 2 * i);
    const auto new_b = simulate_points(tiny_isoflop(), better, {.sd = 0.003}, 7, 2 * i + 1);
    FitOptions plain = options;
    plain.bootstrap.replicates = 0;
    const FitResult of_a = fit_points(new_a, plain), of_b = fit_points(new_b, plain);
    first.bootstrap.draws.push_back(of_a.fitted.values);
    second.bootstrap.draws.push_back(of_b.fitted.values);
    const JointFit joint = fit_jointly(new_a, new_b, of_a, of_b, plain);
    ASSERT_TRUE(joint.converged);
    direct.push_back(std::log(compute_reaching(joint.first, 3, 1e14) / compute_reaching(joint.second, 3, 1e14)));
  }
  const JointFit drawn = fit_jointly(a, b, first, second, options);
  ASSERT_EQ(drawn.first_draws.size(), kDraws);
  std::vector<double> off;
  Law one = law, other = law;
  for (std::size_t i = 0; i < kDraws; ++i) {
    one.values = drawn.first_draws[i];
    other.values = drawn.second_draws[i];
    off.push_back(std::log(compute_reaching(one, 3, 1e14) / compute_reaching(other, 3, 1e14)) - direct[i]);
  }
  EXPECT_LT(standard_deviation(off), 0.05 * standard_deviation(direct));
}

}  // namespace
}  // namespace scalelaw
