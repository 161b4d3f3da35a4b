#include "alloc/measured.hpp"

#include <cmath>

namespace scalelaw::inline alloc {

LawRange range_of(const FitResult& fit) {
  const auto of = [](const Interval& i) { return ValueRange{i.low, i.high}; };
  return {.params = of(fit.params_range),
          .tokens = of(fit.tokens_range),
          .flops = of(fit.flops_range),
          .tokens_per_param = of(fit.ratio_range)};
}

std::optional<BestMeasured> measured_below(const FitResult& fit, double flops, double predicted) {
  if (!std::isfinite(predicted)) return std::nullopt;
  const BestMeasured* best = nullptr;
  for (const BestMeasured& b : fit.best_measured) {  // falling loss
    if (b.flops <= 1.01 * flops) best = &b;
  }
  if (best == nullptr) return std::nullopt;
  // The least of a few runs near the optimum lies some way below it by chance.
  constexpr double kByChance = 2.2;  // standard deviations: one budget in 25, of three runs
  const double noise = std::max(fit.noise ? fit.noise->at(best->loss_nats) : 0, fit.parametric().goodness.rms);
  if (!(std::log(predicted / best->loss_nats) > std::max(1e-3, kByChance * noise))) return std::nullopt;
  return *best;
}

}  // namespace scalelaw::inline alloc
