#include "fit/descent.hpp"

#include <algorithm>
#include <cmath>

#include "fit/huber.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kWorthHaving = 1e-13;  // decrease still to be had, as a share of the objective

// The linearised problem within one step, its variables held back by lambda times their curvature.
HuberModel damped_model(const DescentProblem& p, const Linearised& at, const Vector& theta, double lambda) {
  HuberModel model{.size = p.size,
                   .residual = at.residual,
                   .jacobian = at.jacobian,
                   .weights = p.weights,
                   .delta = p.delta,
                   .damping = {},
                   .low = {},
                   .high = {},
                   .share = 0};
  const Vector curvature = huber_curvature(model);
  for (std::size_t k = 0; k < p.size; ++k) {
    model.damping[k] = (lambda + 1e-14) * curvature[k];
    model.low[k] = std::max(p.lower[k] - theta[k], -p.max_step[k]);
    model.high[k] = std::min(p.upper[k] - theta[k], p.max_step[k]);
  }
  return model;
}

}  // namespace

bool Descent::settled(double floor) const { return promised <= kWorthHaving * value + floor; }

double huber_objective(std::span<const double> r, std::span<const double> weights, double delta) {
  double sum = 0;
  for (std::size_t i = 0; i < r.size(); ++i) {
    const double clipped = std::clamp(r[i], -delta, delta);
    sum += weights[i] * clipped * (r[i] - 0.5 * clipped);
  }
  return sum;
}

Descent descend(const DescentProblem& p, const Vector& start, int max_evaluations) {
  const std::size_t m = p.size;
  Descent d{.theta = start};
  for (std::size_t k = 0; k < m; ++k) d.theta[k] = std::clamp(d.theta[k], p.lower[k], p.upper[k]);
  Linearised at = p.linearise(std::span(d.theta.data(), m));
  d.value = huber_objective(at.residual, p.weights, p.delta);
  d.evaluations = 1;
  if (!std::isfinite(d.value)) return d;
  double lambda = 0;
  double last_gain = 1;          // of the objective, relative
  bool undamped_failed = false;  // since the last gain
  while (d.evaluations < max_evaluations) {
    HuberModel model = damped_model(p, at, d.theta, lambda);
    // Far away the linear problem need not be solved to its last digit.
    model.share = last_gain > 1e-4 ? 1e-3 : 0;
    const HuberStep step = huber_step(model);
    if (lambda == 0) d.promised = step.decrease;
    if (!(step.decrease > kWorthHaving * d.value + p.floor)) {
      if (lambda == 0 || undamped_failed) break;
      lambda = 0;
      continue;
    }
    Vector to = d.theta;
    for (std::size_t k = 0; k < m; ++k) to[k] = std::clamp(to[k] + step.change[k], p.lower[k], p.upper[k]);
    Linearised there = p.linearise(std::span(to.data(), m));
    ++d.evaluations;
    const double value = huber_objective(there.residual, p.weights, p.delta);
    if (std::isfinite(value) && value < d.value) {
      const double gain = (d.value - value) / step.decrease;
      last_gain = (d.value - value) / d.value;
      d.theta = to;
      d.value = value;
      at = std::move(there);
      if (gain > 0.7) {
        lambda = lambda < 1e-4 ? 0 : lambda / 8;
      } else if (gain < 0.2) {
        lambda = std::max(4 * lambda, 1e-3);
      }
      undamped_failed = false;
    } else {
      undamped_failed = undamped_failed || lambda == 0;
      lambda = std::max(8 * lambda, 1e-3);
      if (lambda > 1e10) break;
    }
  }
  return d;
}

}  // namespace scalelaw::inline fit
