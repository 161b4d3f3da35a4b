// What CompleteP promises of rates: the best one stays where it is as a model grows wider and deeper.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "native/model_of.hpp"
#include "native/one_run.hpp"

namespace scalelaw {
namespace {

using Index = std::int64_t;

/// Held-out loss after a training whose rate rises for a tenth of the steps and then falls to zero.
double trained_loss(const ModelSpec& spec, double lr, Index seed) {
  constexpr Index kSteps = 200, kWarmup = kSteps / 10, kWindows = 16;
  OneRun run(spec, {}, seed);
  for (Index step = 0; step < kSteps; ++step) {
    const auto done = static_cast<double>(step);
    const double share = std::min((done + 1) / kWarmup, (kSteps - done) / (kSteps - kWarmup));
    run.train(RuleBatch(spec, kWindows, static_cast<std::uint64_t>(step)), lr * share);
  }
  const RuleBatch held_out(spec, 64, 1000000);
  float loss = 0;
  run.engine.loss_and_grad(held_out.batch(spec), &loss);
  return static_cast<double>(loss);
}

struct Best {
  double rate, loss;
};

/// The rate with the smallest loss of six, each twice the one before: that of the parabola in ln rate through the best
/// and its neighbours, and the best loss on the grid. Loss: mean of two seeds.
Best best_of(const ModelSpec& spec, double lowest_rate) {
  constexpr int kRates = 6, kSeeds = 2;
  std::vector<double> losses;
  for (int i = 0; i < kRates; ++i) {
    const double lr = lowest_rate * std::exp2(i);
    losses.push_back((trained_loss(spec, lr, 1) + trained_loss(spec, lr, 2)) / kSeeds);
  }
  const auto at = std::ranges::min_element(losses) - losses.begin();
  const auto best = static_cast<std::size_t>(at);
  if (best == 0 || best + 1 == losses.size()) {
    ADD_FAILURE() << "the best rate lies on the edge of the grid from " << lowest_rate;
    return {lowest_rate * std::exp2(at), losses[best]};
  }
  const double below = losses[best - 1] - losses[best], above = losses[best + 1] - losses[best];
  const double shift = 0.5 * (below - above) / (below + above);
  const Best found{lowest_rate * std::exp2(static_cast<double>(at) + shift), losses[best]};
  fmt::print("{} width {} depth {}: best rate {:.4f}, loss {:.4f}\n", spec.parametrization, spec.d_model, spec.n_layer,
             found.rate, found.loss);
  return found;
}

ModelSpec spec_of(Parametrization parametrization, Index d_model, Index n_layer) {
  ModelSpec spec = model_of(n_layer, d_model / 8, 8, 4 * d_model, 16, 16);
  spec.parametrization = parametrization;
  return spec;
}

/// Largest rate by the smallest.
double spread(const std::vector<Best>& all) {
  const auto [least, most] = std::ranges::minmax(all, {}, &Best::rate);
  return most.rate / least.rate;
}

TEST(CompletePTransfer, TheBestRateStaysOverWidths) {
  std::vector<Best> standard, completep;
  for (const Index d : {32, 64, 128, 256}) {
    standard.push_back(best_of(spec_of(Parametrization::standard, d, 2), 0.00125));
    completep.push_back(best_of(spec_of(Parametrization::completep, d, 2), 0.005));
  }
  EXPECT_LT(spread(completep), 1.5);
  EXPECT_GT(spread(standard), 3);
}

// Over depth the best rate of the standard scales stays too (factor 1.2 from 2 to 16 layers, width 32); what CompleteP
// gives here is a lower loss. Its rate is higher from 4 layers on than for the 2 of the base.
TEST(CompletePTransfer, TheBestRateStaysOverDepthsFromFourLayersOn) {
  std::vector<Best> completep;
  for (const Index layers : {4, 8, 16}) {
    completep.push_back(best_of(spec_of(Parametrization::completep, 32, layers), 0.005));
  }
  EXPECT_LT(spread(completep), 1.5);
  completep.push_back(best_of(spec_of(Parametrization::completep, 32, 2), 0.005));
  EXPECT_LT(spread(completep), 2);
  EXPECT_LT(completep[2].loss, best_of(spec_of(Parametrization::standard, 32, 16), 0.005).loss - 0.05);
}

}  // namespace
}  // namespace scalelaw
