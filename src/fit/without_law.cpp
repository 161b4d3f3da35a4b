#include "fit/without_law.hpp"

#include <algorithm>
#include <cmath>

#include "fit/draws.hpp"
#include "fit/valley.hpp"

namespace scalelaw::inline fit {
namespace {

struct Minima {
  std::vector<double> log_flops, log_loss;
};

Minima minima_of(const std::vector<IsoflopBudget>& budgets) {
  Minima out;
  for (const IsoflopBudget& b : budgets) {
    if (!has_minimum(b)) continue;
    out.log_flops.push_back(std::log(b.flops));
    out.log_loss.push_back(std::log(b.loss_nats));
  }
  return out;
}

// ln L* against ln C minus its mean, which keeps the normal equations well conditioned.
struct SmoothFrontier {
  double center = 0;
  Parabola curve;

  /// dL*/d ln C of a budget with a minimum.
  [[nodiscard]] double slope(const IsoflopBudget& b) const {
    const double x = std::log(b.flops) - center;
    return b.loss_nats * (curve.linear + 2 * curve.curvature * x);
  }
};

SmoothFrontier smooth_frontier(const Minima& minima) {
  SmoothFrontier out{.center = mean(minima.log_flops), .curve = {}};
  std::vector<double> x;
  for (const double c : minima.log_flops) x.push_back(c - out.center);
  if (x.size() < 3) {
    const Line line = fit_line(x, minima.log_loss);
    out.curve = {.constant = line.intercept, .linear = line.slope, .curvature = 0};
  } else {
    out.curve = fit_parabola(x, minima.log_loss, std::vector<double>(x.size(), 1.0));
  }
  return out;
}

// The interval of one quantity over the refits that have it.
template <class Value>
std::optional<Interval> interval_of(const std::vector<WithoutLaw>& refits, double tail, const Value& value) {
  std::vector<double> draws;
  for (const WithoutLaw& refit : refits) {
    const std::optional<double> x = value(refit);
    if (x && std::isfinite(*x)) draws.push_back(*x);
  }
  if (draws.size() < kFewestDraws) return std::nullopt;
  return draws_interval(draws, tail);
}

}  // namespace

std::optional<Line> line_of_minima(const std::vector<IsoflopBudget>& budgets) {
  const Minima minima = minima_of(budgets);
  if (minima.log_flops.size() < 2) return std::nullopt;
  return fit_line(minima.log_flops, minima.log_loss);
}

WithoutLaw without_law(const std::vector<IsoflopBudget>& budgets) {
  WithoutLaw out;
  const std::optional<Line> line = line_of_minima(budgets);
  if (!line) return out;
  out.loss_slope = -line->slope;
  const SmoothFrontier frontier = smooth_frontier(minima_of(budgets));
  double curvatures = 0, slopes = 0;
  for (const IsoflopBudget& b : budgets) {
    if (!has_minimum(b) || !(b.curvature > 0)) continue;
    const double curvature = 2 * b.curvature, slope = -frontier.slope(b);
    if (!(slope > 0)) continue;
    out.valleys.push_back({.flops = b.flops,
                           .curvature = curvature,
                           .slope = slope,
                           .mean_exponent = curvature / (2 * slope),
                           .ci95 = std::nullopt});
    curvatures += curvature;
    slopes += slope;
  }
  if (!out.valleys.empty()) out.mean_exponent = curvatures / (2 * slopes);
  return out;
}

void add_intervals(WithoutLaw& found, const std::vector<WithoutLaw>& refits, double tail) {
  found.loss_slope_ci95 = interval_of(refits, tail, [](const WithoutLaw& w) { return w.loss_slope; });
  found.mean_exponent_ci95 = interval_of(refits, tail, [](const WithoutLaw& w) { return w.mean_exponent; });
  for (LocalValley& valley : found.valleys) {
    valley.ci95 = interval_of(refits, tail, [&](const WithoutLaw& w) -> std::optional<double> {
      const auto same = std::ranges::find(w.valleys, valley.flops, &LocalValley::flops);
      if (same == w.valleys.end()) return std::nullopt;
      return same->mean_exponent;
    });
  }
}

}  // namespace scalelaw::inline fit
