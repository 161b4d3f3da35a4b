// The law E + (A/N^alpha + B/D^beta)^k: which laws lie within it, its optimum, its frontier, and where doubles end.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "law/optimum.hpp"
#include "law/published.hpp"
#include "law/some_laws.hpp"

namespace scalelaw {
namespace {

const std::vector<double> kPowers = {0.2, 0.386, 0.77, 1, 1.8};

Law outer(std::vector<double> values) {
  return {.kind = LawKind::outer, .values = std::move(values), .name = "outer", .source = "", .convention = {}};
}

// The published law with its two terms, each a loss that stays what it is where it is alone, added under the power k.
Law outer_like(const Law& law, double k) {
  return outer({law.value("E"), std::pow(law.value("A"), 1 / k), std::pow(law.value("B"), 1 / k),
                law.value("alpha") / k, law.value("beta") / k, k});
}

TEST(OuterLaw, AtPowerOneIsChinchilla) {
  for (const char* name : {"hoffmann2022", "besiroglu2024"}) {
    const Law& chinchilla = published_law(name);
    const Law same = outer_like(chinchilla, 1);
    ASSERT_TRUE(same.form().within.has_value());
    EXPECT_EQ(same.form().within->law, LawKind::chinchilla);
    EXPECT_EQ(same.form().parameters.at(same.form().within->constant), "k");
    EXPECT_EQ(same.form().within->value, 1);
    for (const LawPoint& point : some_points(false)) {
      std::vector<double> theirs(5), ours(6);
      const double loss = loss_and_gradient(chinchilla, point, theirs);
      EXPECT_NEAR(loss_and_gradient(same, point, ours) / loss, 1, 1e-14) << name;
      for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(ours[i], theirs[i], 1e-12 * std::abs(theirs[i])) << name << i;
    }
    for (const double flops : {1e18, 1e24}) {
      const Optimum ours = compute_optimal(same, flops), theirs = compute_optimal(chinchilla, flops);
      EXPECT_NEAR(ours.scale.params / theirs.scale.params, 1, 1e-12);
      EXPECT_NEAR(ours.loss_nats / theirs.loss_nats, 1, 1e-13);
    }
    EXPECT_NEAR(same.form().frontier(same.values), chinchilla.form().frontier(chinchilla.values), 1e-15);
  }
}

// ((Nc/N)^(alphaN/alphaD) + Dc/D)^alphaD: E = 0, A = Nc^(alphaN/alphaD), B = Dc, alpha = alphaN/alphaD, beta = 1.
TEST(OuterLaw, WithoutAnOffsetAndWithBetaOneIsKaplansJointLaw) {
  const Law& kaplan = published_law("kaplan2020-joint");
  const double alpha_n = kaplan.value("alphaN"), alpha_d = kaplan.value("alphaD"), alpha = alpha_n / alpha_d;
  const Law same = outer({0, std::pow(kaplan.value("Nc"), alpha), kaplan.value("Dc"), alpha, 1, alpha_d});
  for (const LawPoint& point : some_points(false)) {
    EXPECT_NEAR(predict_loss(same, point) / predict_loss(kaplan, point), 1, 1e-13);
  }
  const Optimum ours = compute_optimal(same, 1e21), theirs = compute_optimal(kaplan, 1e21);
  EXPECT_NEAR(ours.scale.params / theirs.scale.params, 1, 1e-11);
}

TEST(OuterLaw, TheOptimumIsTheLeastLossOfAFineGrid) {
  for (const double k : kPowers) {
    const Law law = outer_like(published_law("besiroglu2024"), k);
    for (const double flops : {1e18, 1e23}) {
      double least = std::numeric_limits<double>::infinity(), params = 0;
      for (double log_n = std::log(1e5); log_n < std::log(1e14); log_n += 1e-4) {
        const double n = std::exp(log_n), loss = predict_loss(law, Scale{n, flops / (6 * n)});
        if (loss < least) {
          least = loss;
          params = n;
        }
      }
      const Optimum best = compute_optimal(law, flops);
      EXPECT_NEAR(std::log(best.scale.params / params), 0, 2e-4) << k;
      EXPECT_NEAR(best.loss_nats, least, 1e-8) << k;
    }
  }
}

TEST(OuterLaw, TheFrontierFallsWithTheOuterPowerOfTheInnerSlope) {
  for (const double k : kPowers) {
    const Law law = outer({1.2, 30, 900, 0.4 / k, 0.5 / k, k});
    const double low = compute_optimal(law, 1e17).loss_nats - 1.2, high = compute_optimal(law, 1e21).loss_nats - 1.2;
    EXPECT_NEAR(std::log(low / high) / std::log(1e4), law.form().frontier(law.values), 1e-9) << k;
    EXPECT_NEAR(law.form().frontier(law.values), 0.4 * 0.5 / 0.9, 1e-12) << k;
    EXPECT_NEAR(allocation_exponents(law)->a, 0.5 / 0.9, 1e-12) << k;
  }
}

// At a power of 0.05 the terms inside are N^-8 and D^-10: their values leave the range of doubles, the loss does not.
TEST(OuterLaw, IsFiniteWhereTheTermsInsideAreNot) {
  const double k = 0.05, log_n = std::log(1e9), log_d = std::log(2e11);
  const Law law = outer({1.5, std::exp(8 * log_n), std::exp(10 * log_d), 8, 10, k});
  for (const double away : {1e-30, 1e-3, 1.0, 1e3, 1e30}) {
    const LawPoint point = law_point(Scale{1e9 * away, 2e11 * away});
    std::vector<double> gradient(6);
    const double loss = loss_and_gradient(law, point, gradient);
    const double log_away = std::log(away), u = -8 * log_away, v = -10 * log_away, most = std::max(u, v);
    const double sum = most + std::log(std::exp(u - most) + std::exp(v - most));
    EXPECT_NEAR(loss / (1.5 + std::exp(k * sum)), 1, 1e-12) << away;
    for (const double slope : gradient) EXPECT_TRUE(std::isfinite(slope)) << away;
    EXPECT_NEAR(gradient[5] / (std::exp(k * sum) * sum), 1, 1e-10) << away;
  }
}

}  // namespace
}  // namespace scalelaw
