// How often the interval of a compute multiplier holds a planted one.
#include <gtest/gtest.h>

#include "core/parallel.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"

namespace scalelaw {
namespace {

constexpr double kPlanted = 1.5;
constexpr std::size_t kPairs = 300;  // standard error of 95 %: 1.3 %

/// 6 sizes at each of 5 budgets of a factor of 2.2 apart, as the quick study has them: a decade and a half of compute.
std::vector<Observation> quick_design() {
  std::vector<Observation> points;
  for (const double flops : {4e10, 9e10, 2e11, 4.4e11, 1e12}) {
    const double best = compute_optimal(tiny_law(), flops).scale.params;
    for (int i = 0; i < 6; ++i) {
      Observation point;
      point.params = best * std::pow(1.6, i - 2.5);
      point.tokens = flops / (6 * point.params);
      point.flops = point.budget = flops;
      point.loss_nats = 1;
      points.push_back(point);
    }
  }
  return points;
}

struct Counts {
  std::vector<std::size_t> covered;  // by row, from the highest loss down
  std::size_t pairs = 0;
  double width = 0;  // of ln m at the middle row, mean
};

Counts simulate_pairs(bool shared) {
  Law better = tiny_law();
  better.values[2] *= std::pow(kPlanted, -better.value("beta"));
  std::vector<LossMultipliers> all(kPairs);
  parallel_for(kPairs, 2, [&](std::size_t i) {
    CompareOptions options;
    options.fit.profile = options.fit.goodness = false;
    options.fit.bootstrap.seed = 1000 + 2 * i;
    options.multiplier = MultiplierOptions{.shared_exponents = shared};
    const auto a = simulate_points(quick_design(), tiny_law(), {.sd = 0.003}, 11, 2 * i);
    const auto b = simulate_points(quick_design(), better, {.sd = 0.003}, 11, 2 * i + 1);
    const Comparison c = compare_observations("a", a, "b", b, options);
    if (c.loss_multipliers) all[i] = *c.loss_multipliers;
  });
  Counts out;
  for (const LossMultipliers& m : all) {
    if (m.at.empty()) continue;
    out.covered.resize(std::max(out.covered.size(), m.at.size()));
    ++out.pairs;
    for (std::size_t k = 0; k < m.at.size(); ++k) {
      out.covered[k] += m.at[k].ci95.low <= kPlanted && kPlanted <= m.at[k].ci95.high;
    }
    const Interval& middle = m.at[m.at.size() / 2].ci95;
    out.width += std::log(middle.high / middle.low) / kPairs;
  }
  return out;
}

TEST(LossMultiplierCoverage, APlantedMultiplierIsCovered) {
  for (const bool shared : {false, true}) {
    const Counts counts = simulate_pairs(shared);
    EXPECT_GE(counts.pairs, kPairs * 98 / 100) << "shared " << shared;
    RecordProperty(shared ? "shared_width" : "own_width", std::to_string(counts.width));
    for (std::size_t k = 0; k < counts.covered.size(); ++k) {
      const double share = static_cast<double>(counts.covered[k]) / static_cast<double>(counts.pairs);
      RecordProperty(fmt::format("{}_row_{}", shared ? "shared" : "own", k), std::to_string(share));
      EXPECT_GE(share, 0.92) << "shared " << shared << " row " << k;
      EXPECT_LE(share, 0.98) << "shared " << shared << " row " << k;
    }
  }
}

}  // namespace
}  // namespace scalelaw
