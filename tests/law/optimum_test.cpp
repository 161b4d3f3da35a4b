#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "law/laws.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

// The least loss over a fine grid of N along D = C / (6 N): slow, and knows no formula.
Scale grid_optimum(const Law& law, double flops, double unique_tokens = 0) {
  Scale best;
  double least = std::numeric_limits<double>::infinity();
  for (double log_n = std::log(1e3); log_n < std::log(1e14); log_n += 2e-4) {
    const double n = std::exp(log_n);
    LawPoint point = law_point(Scale{n, flops / (6 * n)});
    point.unique_tokens = unique_tokens;
    const double loss = predict_loss(law, point);
    if (loss < least) {
      least = loss;
      best = {point.params, point.tokens};
    }
  }
  return best;
}

std::vector<Law> laws_with_optimum() {
  std::vector<Law> laws;
  for (const char* name :
       {"hoffmann2022", "hoffmann2022-rounded", "besiroglu2024", "kaplan2020-joint", "muennighoff2023"}) {
    laws.push_back(published_law(name));
  }
  laws.push_back({.kind = LawKind::overtraining,
                  .values = {1.7, 300, 500, 0.17},
                  .name = "gadre",
                  .source = "",
                  .convention = {}});
  laws.push_back({.kind = LawKind::outer,
                  .values = {0.6, 5e3, 2e7, 0.8, 1.1, 0.386},
                  .name = "outer",
                  .source = "",
                  .convention = {}});
  return laws;
}

TEST(Optimum, ClosedFormIsTheLeastLossOfAGrid) {
  for (const Law& law : laws_with_optimum()) {
    for (const double flops : {1e16, 1e21}) {
      const Optimum best = compute_optimal(law, flops);
      const Scale grid = grid_optimum(law, flops);
      EXPECT_NEAR(std::log(best.scale.params / grid.params), 0, 3e-4) << law.name;
      EXPECT_NEAR(6 * best.scale.params * best.scale.tokens / flops, 1, 1e-12);
      EXPECT_NEAR(best.loss_nats, predict_loss(law, best.scale), 1e-12);
    }
  }
}

TEST(Optimum, ExponentsAreSlopesOfTheOptimumAgainstCompute) {
  for (const Law& law : laws_with_optimum()) {
    const auto exponents = allocation_exponents(law);
    ASSERT_TRUE(exponents.has_value()) << law.name;
    const Optimum low = compute_optimal(law, 1e18), high = compute_optimal(law, 1e22);
    EXPECT_NEAR(std::log(high.scale.params / low.scale.params) / std::log(1e4), exponents->a, 1e-10) << law.name;
    EXPECT_NEAR(std::log(high.scale.tokens / low.scale.tokens) / std::log(1e4), exponents->b, 1e-10) << law.name;
  }
}

TEST(Optimum, LimitedDataMovesTheOptimumAndCostsLoss) {
  const Law& law = published_law("muennighoff2023");
  const double flops = 1e22, unique = 2e10;
  const Optimum limited = compute_optimal(law, flops, unique);
  const Scale grid = grid_optimum(law, flops, unique);
  EXPECT_NEAR(std::log(limited.scale.params / grid.params), 0, 1e-3);
  EXPECT_GT(limited.loss_nats, compute_optimal(law, flops).loss_nats);
  EXPECT_GT(limited.scale.tokens, unique);  // some repetition pays
  EXPECT_DOUBLE_EQ(compute_optimal(law, 1e18, 1e15).loss_nats, compute_optimal(law, 1e18).loss_nats);
  EXPECT_THROW((void)compute_optimal(published_law("hoffmann2022"), flops, unique), Error);
}

TEST(Optimum, LawsOfOneVariableHaveNone) {
  for (const char* name : {"kaplan2020-n", "kaplan2020-d", "kaplan2020-c", "kaplan2020-steps"}) {
    EXPECT_THROW((void)compute_optimal(published_law(name), 1e20), Error) << name;
    EXPECT_FALSE(allocation_exponents(published_law(name)).has_value()) << name;
  }
  EXPECT_THROW((void)compute_optimal(published_law("hoffmann2022"), -1), Error);
}

}  // namespace
}  // namespace scalelaw
