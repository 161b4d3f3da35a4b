// The law of repetition whose loss can rise.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "law/optimum.hpp"
#include "law/some_laws.hpp"

namespace scalelaw {
namespace {

Law overfitting(std::vector<double> values = overfitting_like()) {
  return {.kind = LawKind::data_overfitting, .values = std::move(values), .name = "", .source = "", .convention = {}};
}

LawPoint at(double params, double tokens, double unique) {
  LawPoint point = law_point(Scale{params, tokens});
  point.unique_tokens = unique;
  return point;
}

TEST(DataOverfitting, IsItsFormulaAndChinchillaWithoutRepetition) {
  const Law law = overfitting();
  const std::vector<double>& v = law.values;
  const Law chinchilla{.kind = LawKind::chinchilla,
                       .values = {v[0], v[1], v[2], v[3], v[4]},
                       .name = "",
                       .source = "",
                       .convention = {}};
  const double n = 2e8, d = 3e10;
  for (const double unique : {0.0, d, 2 * d}) {
    EXPECT_EQ(predict_loss(law, at(n, d, unique)), predict_loss(chinchilla, Scale{n, d})) << unique;
  }
  for (const double epochs : {1.5, 4.0, 60.0}) {
    const double penalty = v[5] * std::pow(epochs - 1, v[6]) * std::pow(n / (d / epochs), v[7]);
    EXPECT_NEAR(predict_loss(law, at(n, d, d / epochs)), predict_loss(chinchilla, Scale{n, d}) + penalty, 1e-12);
  }
  // What rounding leaves of tokens from a budget is no repeat, whose small power would be a penalty.
  const Law early = overfitting({v[0], v[1], v[2], v[3], v[4], 0.5, 0.1, 0.6});
  EXPECT_NEAR(predict_loss(early, at(n, d * (1 + 4e-16), d)), predict_loss(chinchilla, Scale{n, d}), 1e-14);
  EXPECT_EQ(allocation_exponents(law)->a, allocation_exponents(chinchilla)->a);
  EXPECT_EQ(compute_optimal(law, 1e21).scale.params, compute_optimal(chinchilla, 1e21).scale.params);
}

TEST(DataOverfitting, TheLossFallsAndThenRisesWithTheEpochs) {
  const Law law = overfitting();
  const double n = 1e9, unique = 1e9;
  std::vector<double> losses;
  for (const double epochs : {1, 2, 4, 8, 16, 32, 64, 128})
    losses.push_back(predict_loss(law, at(n, unique * epochs, unique)));
  const auto least = std::ranges::min_element(losses) - losses.begin();
  EXPECT_GT(least, 0);
  EXPECT_LT(least, std::ssize(losses) - 2);
  EXPECT_TRUE(std::ranges::is_sorted(losses.begin() + least, losses.end()));
  EXPECT_TRUE(std::ranges::is_sorted(losses.begin(), losses.begin() + least + 1, std::greater()));
}

TEST(DataOverfitting, LimitedDataMoveTheOptimum) {
  const double flops = 1e22;
  for (const double unique : {1e9, 2e10, 1e11}) {
    const Law law = overfitting();
    const Optimum best = compute_optimal(law, flops, unique);
    double least = std::numeric_limits<double>::infinity(), params = 0;
    for (double x = std::log(1e7); x < std::log(1e14); x += 2e-4) {
      const double loss = predict_loss(law, at(std::exp(x), flops / (6 * std::exp(x)), unique));
      if (loss < least) least = loss, params = std::exp(x);
    }
    EXPECT_NEAR(std::log(best.scale.params / params), 0, 1e-3) << unique;
    EXPECT_LE(best.loss_nats, least * (1 + 1e-12)) << unique;
    EXPECT_NEAR(6 * best.scale.params * best.scale.tokens / flops, 1, 1e-12);
    const Optimum unlimited = compute_optimal(law, flops);
    EXPECT_GT(best.loss_nats, unlimited.loss_nats);
    EXPECT_GT(best.scale.params, unlimited.scale.params) << "fewer tokens, a larger model";
    EXPECT_LT(best.scale.tokens, unlimited.scale.tokens);
  }
  // A law of decays never prefers fewer tokens than it can read again at no price; a high price for the first repeat
  // leaves each token read once, at the edge itself.
  const Law dear = overfitting({1.8, 480, 2000, 0.35, 0.36, 0.5, 0.1, 0.6});
  EXPECT_NEAR(compute_optimal(dear, flops, 2e10).scale.tokens / 2e10, 1, 1e-12);
}

}  // namespace
}  // namespace scalelaw
