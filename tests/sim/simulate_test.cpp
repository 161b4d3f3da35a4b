#include "sim/simulate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/stats.hpp"
#include "error_of.hpp"
#include "law/critical_batch.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "records/shape.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

/// 24 layers of 1024 on 2e10 tokens: among the runs that published laws know.
RunSpec large_spec() {
  RunSpec spec;
  spec.model = {
      .d_model = 1024, .n_layer = 24, .d_head = 64, .n_head = 16, .d_ff = 4096, .context = 2048, .vocab = 32768};
  spec.data.tokens = 20'971'520'000;  // 40,000 steps
  spec.data.batch_tokens = 524'288;
  return spec;
}

RunSpec simulated_spec(double noise = 0.01, double lr_penalty = 0.05) {
  const RunSpec spec = large_spec();
  return as_simulated(spec, SimulationSpec{.noise = noise, .lr_penalty = lr_penalty});
}

std::string refusal(const SimulationSpec& simulation) {
  return error_of(ExitCode::usage, [&] { (void)simulation_law(simulation); });
}

TEST(Simulate, WithoutNoiseAtTheBestRateGivesTheLaw) {
  RunSpec spec = simulated_spec(0);
  const double params = static_cast<double>(count_params(spec.model).total);
  spec.optimizer.lr = best_lr(spec.backend.simulation, params, 1e6);
  const RunRecord record = simulate(spec);
  const double tokens = static_cast<double>(run_steps(spec) * spec.data.batch_tokens);
  const double expected = 1.8172 + 482.01 / std::pow(params, 0.3478) + 2085.43 / std::pow(tokens, 0.3658);
  EXPECT_NEAR(record.loss.nats.value(), expected, 1e-12 * expected);
}

TEST(Simulate, AWrongRateCostsItsSquaredLogarithm) {
  RunSpec spec = simulated_spec(0, 0.05);
  const double best = best_lr(spec.backend.simulation, static_cast<double>(count_params(spec.model).total), 1e6);
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
  EXPECT_EQ(record.source, RunSource::simulated);
  EXPECT_EQ(record.outcome.status, RunStatus::completed);
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
  spec.data.unique_tokens = 1'000'000'000;
  EXPECT_GT(simulate(spec).loss.nats.value(), fresh);
}

TEST(Simulate, AChinchillaLawPricesRepeatsAsMuennighoffAndOthersRefuse) {
  RunSpec spec = simulated_spec(0, 0);
  spec.data.unique_tokens = 1'000'000'000;
  const LawPoint point{.params = static_cast<double>(count_params(spec.model).total),
                       .tokens = static_cast<double>(run_steps(spec) * spec.data.batch_tokens),
                       .unique_tokens = 1e9};
  EXPECT_DOUBLE_EQ(simulate(spec).loss.nats.value(),
                   predict_loss(with_repetition(published_law("besiroglu2024")), point));
  spec.backend.simulation.law = "kaplan2020-joint";
  EXPECT_THROW((void)simulate(spec), Error);
  spec.data.unique_tokens = spec.data.tokens;  // nothing is repeated
  EXPECT_NO_THROW((void)simulate(spec));
}

TEST(ExpectedLoss, OfALawOfStepsIsConsistentWithItsCriticalBatch) {
  const Law& law = published_law("kaplan2020-steps");
  for (const double batch : {1e3, 1e5, 1e7, 1e12}) {
    const LawPoint point{.params = 1e8, .tokens = 1e4 * batch, .steps = 1e4};
    const double loss = expected_loss(law, point, {}, batch);
    const double least = minimum_steps(1e4, batch, critical_batch_tokens(loss));
    EXPECT_NEAR(loss, predict_loss(law, LawPoint{.params = 1e8, .steps = least}), 1e-9 * loss) << batch;
  }
  // far above the critical batch every step counts in full
  const LawPoint point{.params = 1e8, .tokens = 1e16, .steps = 1e4};
  EXPECT_NEAR(expected_loss(law, point, {}, 1e12), predict_loss(law, point), 1e-4);
}

TEST(ExpectedLoss, OfALawOfTokensFollowsKaplansTradeOfTokensForSteps) {
  const Law& law = published_law("besiroglu2024");
  const SimulationSpec simulation{.critical_batch_tokens = 2.1e8};
  const LawPoint point{.params = 1e9, .tokens = 2e10};
  const double free = predict_loss(law, point);
  EXPECT_NEAR(expected_loss(law, point, simulation, 1), free, 1e-6);
  double before = free;
  for (const double batch : {1e5, 1e6, 4e6}) {
    const double loss = expected_loss(law, point, simulation, batch);
    EXPECT_GT(loss, before);
    // (S / S_min - 1) (E / E_min - 1) = 1 with S = E / B (Kaplan et al. 2020, eq. 5.1)
    const double critical = critical_batch_tokens(loss);
    const double least_tokens = point.tokens / (1 + batch / critical);
    const double least_steps = minimum_steps(point.tokens / batch, batch, critical);
    EXPECT_NEAR((point.tokens / batch / least_steps - 1) * (point.tokens / least_tokens - 1), 1, 1e-9);
    EXPECT_NEAR(loss, predict_loss(law, Scale{.params = 1e9, .tokens = least_tokens}), 1e-9);
    before = loss;
  }
  EXPECT_EQ(expected_loss(law, point, {}, 4e6), free);  // batches cost nothing unless told
  EXPECT_THROW((void)expected_loss(law, point, simulation, 1e11), Error);
}

TEST(Simulate, ImperfectTrainingHasItsPrice) {
  RunSpec spec = simulated_spec(0, 0);
  const double free = simulate(spec).loss.nats.value();
  spec.backend.simulation.warmup_penalty = 2;
  spec.backend.simulation.warmup_best = 0.05;
  spec.optimizer.warmup_fraction = 0.25;
  EXPECT_NEAR(simulate(spec).loss.nats.value() - free, 2 * 0.2 * 0.2, 1e-12);
  spec.optimizer.warmup_fraction = 0.05;
  EXPECT_NEAR(simulate(spec).loss.nats.value(), free, 1e-12);

  spec.backend.simulation.schedule_penalty = 0.5;
  EXPECT_NEAR(simulate(spec).loss.nats.value(), free, 1e-12);  // 20 % cooldown to 0
  spec.schedule = {.kind = ScheduleKind::cosine, .cooldown_fraction = 0, .min_lr_fraction = 0.2};
  EXPECT_NEAR(simulate(spec).loss.nats.value() - free, 0.5 * 0.2 * 0.2, 1e-12);
  spec.schedule.kind = ScheduleKind::constant;
  EXPECT_NEAR(simulate(spec).loss.nats.value() - free, 0.5, 1e-12);
}

TEST(UndecayedShare, IsWhatTheScheduleLeaves) {
  EXPECT_EQ(undecayed_share({}), 0);
  EXPECT_NEAR(undecayed_share({.cooldown_fraction = 0.05}), 0.75, 1e-12);
  EXPECT_EQ(undecayed_share({.cooldown_fraction = 0}), 1);
  EXPECT_NEAR(undecayed_share({.cooldown_fraction = 0.4, .min_lr_fraction = 0.1}), 0.1, 1e-12);
  EXPECT_EQ(undecayed_share({.kind = ScheduleKind::linear, .min_lr_fraction = 0.1}), 0.1);
  EXPECT_EQ(undecayed_share({.kind = ScheduleKind::constant}), 1);
}

TEST(Simulate, TheBestRateMayDependOnTheData) {
  RunSpec spec = simulated_spec(0, 0.05);
  spec.backend.simulation.lr_best_tokens_exponent = 0.3;
  const double params = static_cast<double>(count_params(spec.model).total);
  const double tokens = static_cast<double>(run_steps(spec) * spec.data.batch_tokens);
  spec.optimizer.lr = best_lr(spec.backend.simulation, params, tokens);
  EXPECT_NEAR(spec.optimizer.lr, 3.7 * std::pow(params, -0.36) * std::pow(tokens, 0.3), 1e-12);
  RunSpec untuned = spec;
  untuned.optimizer.lr *= 2;
  EXPECT_NEAR(simulate(untuned).loss.nats.value() - simulate(spec).loss.nats.value(),
              0.05 * std::log(2.0) * std::log(2.0), 1e-9);
}

TEST(Simulate, NoLossIsBelowTheFloor) {
  RunSpec spec = simulated_spec(0.05, 0);
  const double law = simulate(simulated_spec(0, 0)).loss.nats.value();
  spec.backend.simulation.floor_nats = law;
  int at_floor = 0;
  for (spec.seed = 0; spec.seed < 100; ++spec.seed) {
    const double loss = simulate(spec).loss.nats.value();
    EXPECT_GE(loss, law);
    at_floor += loss == law ? 1 : 0;
  }
  EXPECT_NEAR(at_floor, 50, 25);
}

TEST(Simulate, NoiseMayGrowWithTheLoss) {
  RunSpec spec = simulated_spec(0.01, 0);
  spec.backend.simulation.noise_exponent = 3;
  const double law = simulate(simulated_spec(0, 0)).loss.nats.value();
  spec.backend.simulation.noise_at_nats = law / 2;  // so the noise is 8 times as large
  std::vector<double> z;
  for (spec.seed = 0; spec.seed < 2000; ++spec.seed) z.push_back(std::log(simulate(spec).loss.nats.value() / law));
  EXPECT_NEAR(standard_deviation(z) / 0.08, 1, 4 / std::sqrt(2 * 2000.0));
}

/// Correlation of ln loss between two runs over seeds; `change` makes the second run of the first.
template <class Change>
double correlation(const SimulationSpec& simulation, Change change) {
  RunSpec first = large_spec();
  first.data.batch_tokens = 20'971'520;
  first = as_simulated(first, simulation);
  RunSpec second = first;
  change(second);
  const auto loss = [](RunSpec spec, std::int64_t seed) {
    spec.seed = seed;
    return std::log(simulate(spec).loss.nats.value());
  };
  std::vector<double> x, y;
  for (std::int64_t seed = 0; seed < 3000; ++seed) {
    x.push_back(loss(first, seed));
    y.push_back(loss(second, seed));
  }
  const double mx = mean(x), my = mean(y);
  double product = 0;
  for (std::size_t i = 0; i < x.size(); ++i) product += (x[i] - mx) * (y[i] - my) / static_cast<double>(x.size() - 1);
  return product / (standard_deviation(x) * standard_deviation(y));
}

TEST(Simulate, SeedsAndTrunksShareTheirPartOfTheNoise) {
  const SimulationSpec simulation{.noise = 0.01, .noise_seed_share = 0.3, .noise_trunk_share = 0.5, .lr_penalty = 0};
  const auto longer = [](RunSpec& spec) {  // the same trunk: warmup of as many steps
    spec.data.tokens *= 2;
    spec.optimizer.warmup_fraction /= 2;
  };
  EXPECT_NEAR(correlation(simulation, longer), 0.8, 0.04);
  EXPECT_NEAR(correlation(simulation, [](RunSpec& spec) { spec.optimizer.lr *= 2; }), 0.3, 0.06);
  EXPECT_NEAR(correlation(simulation, [](RunSpec& spec) { spec.model.n_layer = 23; }), 0, 0.07);
}

TEST(Simulate, SharesOfMoreThanTheNoiseAreRefused) {
  RunSpec spec = simulated_spec();
  spec.backend.simulation.noise_seed_share = 0.6;
  spec.backend.simulation.noise_trunk_share = 0.5;
  EXPECT_THROW((void)simulate(spec), Error);
}

TEST(Simulate, EmbeddingsFollowAnotherRuleWhereTold) {
  RunSpec spec = simulated_spec(0, 0);
  spec.backend.simulation.embedding_coefficient = 47491;
  const RunRecord record = simulate(spec);
  const auto inner = static_cast<double>(record.params.non_embedding);
  EXPECT_EQ(record.params.total - record.params.non_embedding, std::llround(47491 * std::cbrt(inner)));
  EXPECT_EQ(record.params.embedding + record.params.head, record.params.total - record.params.non_embedding);
  EXPECT_DOUBLE_EQ(record.flops.six_nd_total,
                   6.0 * static_cast<double>(record.params.total) * static_cast<double>(record.tokens));
  EXPECT_NEAR(record.loss.nats.value(),
              predict_loss(published_law("besiroglu2024"), Scale{.params = static_cast<double>(record.params.total),
                                                                 .tokens = static_cast<double>(record.tokens)}),
              1e-12);
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
  EXPECT_THAT(refusal({.law = "besiroglu2042"}), HasSubstr("did you mean 'besiroglu2024'"));
  EXPECT_THAT(refusal({.law = "besiroglu2024", .params = {{"gamma", 1}}}), HasSubstr("no constant 'gamma'"));
  EXPECT_THAT(refusal({.law = "chinchilla", .params = {{"E", 1}}}), HasSubstr("needs a value for 'A'"));
  EXPECT_THAT(refusal({.law = "kaplan2020-optimal"}), HasSubstr("not a loss"));
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
