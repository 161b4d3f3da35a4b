// Amplitudes at a scale where the published ones mean nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "law/published.hpp"
#include "sim/resolve.hpp"
#include "sim/simulate.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

RunSpec run_of(std::int64_t d_model, std::int64_t n_layer, std::int64_t tokens) {
  RunSpec spec;
  spec.model = {.d_model = d_model, .n_layer = n_layer, .d_head = 8, .n_head = d_model / 8, .d_ff = 4 * d_model};
  spec.data.tokens = tokens;
  return spec;
}

RunSpec large_run() {
  RunSpec spec = run_of(2048, 24, 20'000'000'000);
  spec.model.vocab = 32768;
  spec.data.batch_tokens = 524288;
  return spec;
}

TEST(Anchor, OnlyDesignsFarBelowAPublishedLawsRunsNeedOne) {
  const std::vector<RunSpec> tiny = {run_of(16, 2, 465152), run_of(64, 4, 2'000'000)};
  for (const char* law : {"besiroglu2024", "hoffmann2022", "muennighoff2023", "kaplan2020-d"}) {
    EXPECT_FALSE(below_published_runs({.law = law}, tiny).empty()) << law;
    EXPECT_TRUE(below_published_runs({.law = law}, {large_run()}).empty()) << law;
  }
  const auto below = below_published_runs({.law = "besiroglu2024"}, tiny);
  EXPECT_EQ(below.front().quantity, RangeOf::params);
  EXPECT_NEAR(below.front().factor, 7e7 / 14336, 1);  // the furthest
  EXPECT_TRUE(below_published_runs({.law = "kaplan2020-n"}, tiny).empty()) << "768 parameters and more";
}

TEST(Anchor, AChoiceIsRespected) {
  const std::vector<RunSpec> tiny = {run_of(16, 2, 465152)};
  EXPECT_TRUE(below_published_runs({.law = "besiroglu2024", .params = {{"E", 1.0}}}, tiny).empty());
  EXPECT_TRUE(below_published_runs({.law = "besiroglu2024", .anchor = "published"}, tiny).empty());
  const SimulationSpec none = resolve_simulation({.law = "besiroglu2024", .anchor = "none"}, ".");
  EXPECT_EQ(none.anchor, "published");
  // the choice is no part of a run: its id stays
  EXPECT_EQ(run_id(as_simulated(tiny[0], none)), run_id(as_simulated(tiny[0], {.law = "besiroglu2024"})));
}

TEST(Anchor, ALossAboveThatOfAModelThatKnowsNothingIsRefused) {
  const RunSpec run = as_simulated(run_of(16, 2, 465152), {.law = "besiroglu2024"});
  const std::string text = error_of(ExitCode::usage, [&] { (void)simulate(run); });
  EXPECT_THAT(text, HasSubstr("above ln(256) = 5.55"));
  EXPECT_THAT(text, HasSubstr("simulation.anchor"));
  EXPECT_EQ(error_of(ExitCode::usage, [&] { check_simulated_losses({.law = "besiroglu2024"}, {run}); }), text);
  EXPECT_NO_THROW(check_simulated_losses({.law = "besiroglu2024"}, {large_run()}));
}

TEST(Anchor, NoSimulatedLossIsEverAboveLnVocab) {
  int capped = 0;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    Rng rng = make_rng(seed, "anchor test");
    for (int i = 0; i < 60; ++i) {
      const SimulationSpec simulation{.law = "chinchilla",
                                      .params = {{"E", 3 * uniform01(rng)},
                                                 {"A", 30 * uniform01(rng)},
                                                 {"B", 60 * uniform01(rng)},
                                                 {"alpha", 0.2 + 0.3 * uniform01(rng)},
                                                 {"beta", 0.2 + 0.3 * uniform01(rng)}},
                                      .noise = 0.2,
                                      .lr_penalty = 0.2};
      RunSpec run =
          as_simulated(run_of(16 + 8 * static_cast<std::int64_t>(uniform_below(rng, 10)), 2, 1'000'000), simulation);
      run.optimizer.lr = std::pow(10, -5 * uniform01(rng));
      const Law law = simulation_law(simulation);
      const double expected = predict_loss(law, simulated_point(run, simulation));
      if (expected > std::log(256)) {
        EXPECT_THROW((void)simulate(run), Error);
        continue;
      }
      const double loss = simulate(run).loss.nats.value();
      EXPECT_LE(loss, std::log(256));
      capped += loss == std::log(256) ? 1 : 0;
    }
  }
  EXPECT_GT(capped, 10) << "a wrong rate costs no more than knowing nothing";
}

TEST(Anchor, AmplitudesComeFromThePointsAndExponentsFromTheLaw) {
  std::vector<Observation> points;
  for (const double params : {1e4, 4e4, 1.6e5}) {
    for (const double tokens : {1e6, 8e6, 6.4e7}) {
      Observation point;
      point.params = params;
      point.tokens = tokens;
      point.flops = 6 * params * tokens;
      point.loss_nats = 1 + 15 / std::pow(params, 0.3478) + 70 / std::pow(tokens, 0.3658);
      points.push_back(point);
    }
  }
  for (const char* name : {"besiroglu2024", "muennighoff2023"}) {
    const auto anchored = anchored_to({.law = name}, points, "somewhere");
    ASSERT_TRUE(anchored);
    EXPECT_EQ(anchored->anchored, "9 points of somewhere");
    EXPECT_EQ(anchored->params.at("alpha"), published_law(name).value("alpha"));
    EXPECT_NEAR(anchored->params.at("E"), 1, name[0] == 'b' ? 1e-4 : 0.5);
  }
  points[0].unique_tokens = 1e5;  // repeated: data-constrained is not linear there
  EXPECT_FALSE(anchored_to({.law = "muennighoff2023"}, points, "somewhere"));
}

}  // namespace
}  // namespace scalelaw
