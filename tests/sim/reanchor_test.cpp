#include "sim/reanchor.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "law/published.hpp"
#include "sim/simulate.hpp"

namespace scalelaw {
namespace {

std::vector<Observation> grid() {
  std::vector<Observation> points;
  for (const double params : {1e4, 3e4, 1e5, 3e5}) {
    for (const double tokens : {1e6, 4e6, 2e7}) {
      Observation point;
      point.params = params;
      point.tokens = tokens;
      point.flops = 6 * params * tokens;
      points.push_back(point);
    }
  }
  return points;
}

TEST(Reanchor, RecoversTheAmplitudesThatMadeThePoints) {
  for (const char* name : {"besiroglu2024", "kaplan2020-joint", "kaplan2020-n", "kaplan2020-d", "kaplan2020-c"}) {
    const Law& law = published_law(name);
    const auto points = simulate_points(grid(), law, {}, 1, 0);
    Law other = law;  // amplitudes off by a factor, exponents kept
    const auto& parameters = law_form(law.kind).parameters;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].starts_with("alpha") && !parameters[i].starts_with("beta")) other.values[i] *= 7;
    }
    const auto anchored = reanchor(other, points);
    ASSERT_TRUE(anchored) << name;
    for (std::size_t i = 0; i < law.values.size(); ++i) {
      EXPECT_NEAR(anchored->values[i], law.values[i], 1e-6 * law.values[i]) << name << " " << parameters[i];
    }
  }
}

// Its offset is not linear in the law, and is searched for.
TEST(Reanchor, RecoversOffsetAndAmplitudesUnderAnOuterPower) {
  for (const double power : {0.3, 0.77, 1.0, 1.6}) {
    for (const double offset : {0.6, 1.3, 1.9}) {
      const double alpha = 0.35 / power, beta = 0.3 / power;
      const Law law{.kind = LawKind::outer,
                    .values = {offset, std::pow(20, 1 / power), std::pow(60, 1 / power), alpha, beta, power},
                    .name = "outer",
                    .source = "",
                    .convention = {}};
      auto points = grid();
      for (auto& point : points) point.loss_nats = predict_loss(law, law_point(point));
      Law other = law;
      for (const std::size_t i : {0U, 1U, 2U}) other.values[i] *= 7;
      const auto anchored = reanchor(other, points);
      ASSERT_TRUE(anchored) << power << " " << offset;
      for (std::size_t i = 0; i < law.values.size(); ++i) {
        EXPECT_NEAR(anchored->values[i] / law.values[i], 1, 1e-5) << power << " " << offset << " " << i;
      }
    }
  }
}

TEST(Reanchor, KeepsExponentsAndNeverGivesANegativeFloor) {
  Law steep = published_law("besiroglu2024");
  Law flat =
      simulation_law({.law = "chinchilla", .params = {{"E", 0}, {"A", 3}, {"B", 8}, {"alpha", 0.05}, {"beta", 0.1}}});
  const auto anchored = reanchor(steep, simulate_points(grid(), flat, {.sd = 0.01}, 1, 0));
  ASSERT_TRUE(anchored);
  EXPECT_EQ(anchored->value("alpha"), 0.3478);
  EXPECT_EQ(anchored->value("beta"), 0.3658);
  EXPECT_GE(anchored->value("E"), 0);
  const auto floored = reanchor(flat, simulate_points(grid(), steep, {}, 1, 0));
  ASSERT_TRUE(floored);
  EXPECT_GE(floored->value("E"), 0);
}

TEST(Reanchor, LossesThatRiseWithSizeHaveNoAmplitude) {
  auto points = simulate_points(grid(), published_law("besiroglu2024"), {}, 1, 0);
  for (auto& point : points) point.loss_nats = std::pow(point.params, 0.1) + 2 / std::pow(point.tokens, 0.1);
  EXPECT_FALSE(reanchor(published_law("besiroglu2024"), points));
}

TEST(Reanchor, NoiseMovesTheLossesByLittleAndWeightsCount) {
  const Law& law = published_law("besiroglu2024");
  auto points = simulate_points(grid(), law, {.sd = 0.01}, 5, 0);
  Observation outlier = points.front();
  outlier.loss_nats *= 10;
  outlier.weight = 0;
  points.push_back(outlier);
  const auto anchored = reanchor(law, points);
  ASSERT_TRUE(anchored);
  for (const Observation& point : grid()) {
    EXPECT_NEAR(predict_loss(*anchored, point.scale()) / predict_loss(law, point.scale()), 1, 0.03);
  }
}

TEST(Reanchor, TooFewPointsOrAnotherLawGiveNone) {
  auto points = simulate_points(grid(), published_law("besiroglu2024"), {}, 1, 0);
  EXPECT_TRUE(reanchor(published_law("muennighoff2023"), points));  // without repeats it is linear too
  EXPECT_FALSE(reanchor(published_law("kaplan2020-steps"), points));
  points.resize(2);
  EXPECT_FALSE(reanchor(published_law("besiroglu2024"), points));
}

}  // namespace
}  // namespace scalelaw
