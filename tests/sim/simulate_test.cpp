#include "sim/simulate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/stats.hpp"
#include "law/shape.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

RunSpec simulated_spec(double noise = 0.01, double lr_penalty = 0.05) {
  RunSpec spec;
  spec.data.tokens = 1'000'000;
  return as_simulated(spec, SimulationSpec{.noise = noise, .lr_penalty = lr_penalty});
}

std::string error_of(const SimulationSpec& simulation) {
  try {
    (void)simulation_law(simulation);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ExitCode::usage);
    return e.what();
  }
  return "";
}

TEST(Simulate, WithoutNoiseAtTheBestRateGivesTheLaw) {
  RunSpec spec = simulated_spec(0);
  const double params = static_cast<double>(count_params(spec.model).total);
  spec.optimizer.lr = best_lr(spec.backend.simulation, params);
  const RunRecord record = simulate(spec);
  const double tokens = static_cast<double>(run_steps(spec) * spec.data.batch_tokens);
  const double expected = 1.8172 + 482.01 / std::pow(params, 0.3478) + 2085.43 / std::pow(tokens, 0.3658);
  EXPECT_NEAR(record.loss.nats.value(), expected, 1e-12 * expected);
}

TEST(Simulate, AWrongRateCostsItsSquaredLogarithm) {
  RunSpec spec = simulated_spec(0, 0.05);
  const double best = best_lr(spec.backend.simulation, static_cast<double>(count_params(spec.model).total));
  spec.optimizer.lr = best;
  const double least = simulate(spec).loss.nats.value();
  for (const double factor : {0.25, 0.5, 2.0, 4.0}) {
    spec.optimizer.lr = factor * best;
    EXPECT_NEAR(simulate(spec).loss.nats.value() - least, 0.05 * std::log(factor) * std::log(factor), 1e-12);
  }
}

TEST(Simulate, TheSameSpecGivesTheSameRecordAndAnotherSeedAnotherLoss) {
  RunSpec spec = simulated_spec();
  EXPECT_EQ(to_json(simulate(spec)).dump(), to_json(simulate(spec)).dump());
  const double first = simulate(spec).loss.nats.value();
  spec.seed = 1;
  EXPECT_NE(simulate(spec).loss.nats.value(), first);
}

TEST(Simulate, NoiseOfLnLossHasTheStandardDeviationAskedFor) {
  RunSpec spec = simulated_spec(0.02, 0);
  const RunSpec quiet = simulated_spec(0, 0);
  const double law = simulate(quiet).loss.nats.value();
  std::vector<double> z;
  for (std::int64_t seed = 0; seed < 2000; ++seed) {
    spec.seed = seed;
    z.push_back(std::log(simulate(spec).loss.nats.value() / law) / 0.02);
  }
  EXPECT_NEAR(mean(z), 0, 4 / std::sqrt(2000.0));
  EXPECT_NEAR(standard_deviation(z), 1, 4 / std::sqrt(2 * 2000.0));
}

TEST(Simulate, RecordIsCompleteAndReadsBack) {
  const RunSpec spec = simulated_spec();
  const RunRecord record = simulate(spec);
  EXPECT_EQ(record.id, run_id(spec));
  EXPECT_EQ(record.source, "simulated");
  EXPECT_EQ(record.outcome.status, "completed");
  EXPECT_EQ(record.context.device, "simulator");
  EXPECT_EQ(record.trunk, trunk_id(spec));
  EXPECT_EQ(record.tokens, run_steps(spec) * spec.data.batch_tokens);
  EXPECT_EQ(record.params.total, count_params(spec.model).total);
  EXPECT_DOUBLE_EQ(record.flops.six_nd_total,
                   6.0 * static_cast<double>(record.params.total) * static_cast<double>(record.tokens));
  const Json json = to_json(record);
  EXPECT_EQ(to_json(record_from_json(json, "record")), json);
}

TEST(Simulate, KaplansLawSeesNonEmbeddingParameters) {
  RunSpec spec = simulated_spec(0, 0);
  spec.backend.simulation.law = "kaplan2020-n";
  const double n = static_cast<double>(count_params(spec.model).non_embedding);
  EXPECT_NEAR(simulate(spec).loss.nats.value(), std::pow(8.8e13 / n, 0.076), 1e-9);
}

TEST(Simulate, RepeatedDataCostMoreThanFreshData) {
  RunSpec spec = simulated_spec(0, 0);
  spec.backend.simulation.law = "muennighoff2023";
  const double fresh = simulate(spec).loss.nats.value();
  spec.data.unique_tokens = 100'000;
  EXPECT_GT(simulate(spec).loss.nats.value(), fresh);
}

TEST(Simulate, ConstantsOfAPublishedLawCanBeReplacedAndAllBeGiven) {
  const Law changed = simulation_law({.law = "besiroglu2024", .params = {{"alpha", 0.5}}});
  EXPECT_EQ(changed.value("alpha"), 0.5);
  EXPECT_EQ(changed.value("beta"), 0.3658);
  const Law given =
      simulation_law({.law = "chinchilla", .params = {{"E", 1}, {"A", 2}, {"B", 3}, {"alpha", 0.25}, {"beta", 0.75}}});
  EXPECT_EQ(given.values, (std::vector<double>{1, 2, 3, 0.25, 0.75}));
}

TEST(Simulate, WrongLawsAndConstantsAreNamed) {
  EXPECT_THAT(error_of({.law = "besiroglu2042"}), HasSubstr("did you mean 'besiroglu2024'"));
  EXPECT_THAT(error_of({.law = "besiroglu2024", .params = {{"gamma", 1}}}), HasSubstr("no constant 'gamma'"));
  EXPECT_THAT(error_of({.law = "chinchilla", .params = {{"E", 1}}}), HasSubstr("needs a value for 'A'"));
  EXPECT_THAT(error_of({.law = "kaplan2020-optimal"}), HasSubstr("not a loss"));
}

TEST(SimulatePoints, KeepsPointsAndDependsOnSeedAndIndexAlone) {
  std::vector<Observation> points(3);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].params = 1e4 * static_cast<double>(i + 1);
    points[i].tokens = 1e6;
    points[i].weight = 2;
    points[i].group = "trunk";
  }
  const Law& law = published_law("besiroglu2024");
  const auto first = simulate_points(points, law, {.sd = 0.01}, 7, 0);
  const auto again = simulate_points(points, law, {.sd = 0.01}, 7, 0);
  const auto other = simulate_points(points, law, {.sd = 0.01}, 7, 1);
  const auto exact = simulate_points(points, law, {}, 7, 0);
  for (std::size_t i = 0; i < points.size(); ++i) {
    EXPECT_EQ(first[i].loss_nats, again[i].loss_nats);
    EXPECT_NE(first[i].loss_nats, other[i].loss_nats);
    EXPECT_DOUBLE_EQ(exact[i].loss_nats, predict_loss(law, points[i].scale()));
    EXPECT_EQ(first[i].weight, 2);
    EXPECT_EQ(first[i].group, "trunk");
  }
}

TEST(SimulatePoints, PointsOfAGroupShareTheirPartOfTheNoise) {
  std::vector<Observation> points(4);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].params = 1e4;
    points[i].tokens = 1e6;
    points[i].group = std::string(1, i < 2 ? 'a' : 'b');
  }
  const Law& law = published_law("besiroglu2024");
  const double expected = predict_loss(law, points[0].scale());
  double same = 0, other = 0, square = 0;
  constexpr int kStudies = 4000;
  for (std::uint64_t index = 0; index < kStudies; ++index) {
    const auto study = simulate_points(points, law, {.sd = 0.01, .group_share = 0.6}, 1, index);
    std::vector<double> z;
    for (const Observation& point : study) z.push_back(std::log(point.loss_nats / expected) / 0.01);
    same += z[0] * z[1] / kStudies;
    other += z[0] * z[2] / kStudies;
    square += z[0] * z[0] / kStudies;
  }
  EXPECT_NEAR(square, 1, 0.1);
  EXPECT_NEAR(same, 0.6, 0.08);
  EXPECT_NEAR(other, 0, 0.08);
}

}  // namespace
}  // namespace scalelaw
