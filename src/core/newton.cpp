#include "core/newton.hpp"

#include <algorithm>
#include <cmath>

namespace scalelaw::inline core {
namespace {

struct NewtonStep {
  Vector change{};
  double predicted = 0;  ///< decrease of the quadratic model along change
  bool ok = false;
};

using Flags = std::array<bool, kMaxFree>;

// Variables at a bound whose gradient points outwards stay there.
Flags held_at_bound(const NewtonProblem& p, const Vector& theta, const Vector& gradient) {
  Flags held{};
  for (std::size_t k = 0; k < p.size; ++k) {
    held[k] = (theta[k] <= p.lower[k] && gradient[k] > 0) || (theta[k] >= p.upper[k] && gradient[k] < 0);
  }
  return held;
}

NewtonStep newton_step(const NewtonProblem& p, const LocalModel& at, const Flags& held, double lambda) {
  std::array<std::size_t, kMaxFree> index{};
  std::size_t n = 0;
  for (std::size_t k = 0; k < p.size; ++k) {
    if (!held[k]) index[n++] = k;
  }
  std::array<Vector, kMaxFree> h{};
  Vector s{};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) h[i][j] = at.hessian[index[i]][index[j]];
    h[i][i] += lambda * std::max(std::abs(h[i][i]), 1e-300);
    s[i] = -at.gradient[index[i]];
  }
  NewtonStep step;
  step.ok = solve_spd(h, s, n);
  if (!step.ok) return step;
  for (std::size_t i = 0; i < n; ++i) step.change[index[i]] = s[i];
  return step;
}

// Shortens the step to max_step and the box, and computes the decrease that the quadratic model promises for it.
void confine(const NewtonProblem& p, const Vector& theta, const LocalModel& at, NewtonStep& step) {
  double factor = 1;
  for (std::size_t k = 0; k < p.size; ++k) {
    if (std::abs(step.change[k]) * factor > p.max_step[k]) factor = p.max_step[k] / std::abs(step.change[k]);
  }
  for (std::size_t k = 0; k < p.size; ++k) {
    const double to = std::clamp(theta[k] + factor * step.change[k], p.lower[k], p.upper[k]);
    step.change[k] = to - theta[k];
  }
  step.predicted = 0;
  for (std::size_t i = 0; i < p.size; ++i) {
    step.predicted -= at.gradient[i] * step.change[i];
    for (std::size_t j = 0; j < p.size; ++j) {
      step.predicted -= 0.5 * step.change[i] * at.hessian[i][j] * step.change[j];
    }
  }
}

// Gradient over the free variables in units of the Newton metric diag|H|: comparable between variables.
double gradient_size(const NewtonProblem& p, const LocalModel& at, const Flags& held) {
  double sum = 0;
  for (std::size_t k = 0; k < p.size; ++k) {
    if (!held[k]) sum += at.gradient[k] * at.gradient[k] / std::max(std::abs(at.hessian[k][k]), 1e-300);
  }
  return std::sqrt(sum);
}

// What a descent knows beside the point it has reached.
struct NewtonState {
  double lambda = 0;        ///< damping of the next step
  bool at_minimum = false;  ///< convergence was seen: from here on steps only polish
  double polished = 0;      ///< gradient_size where the last step began, at the minimum
};

// The decrease that a full Newton step promises.
double decrement_of(const NewtonProblem& p, const LocalModel& at, const NewtonStep& full) {
  double decrement = 0;
  for (std::size_t k = 0; k < p.size; ++k) decrement -= 0.5 * at.gradient[k] * full.change[k];
  return decrement;
}

// Notes whether r is at the minimum, and says whether nothing is left to do there. The test of convergence is the
// undamped one, by the full Newton step.
bool is_done(const NewtonProblem& p, const NewtonOptions& options, const NewtonResult& r, const NewtonStep& full,
             NewtonState& state) {
  const bool small = full.ok && decrement_of(p, r.at, full) <= options.tolerance * r.at.value + p.value_floor;
  if (!small) return false;
  if (!options.polish) {
    state.at_minimum = true;
    return true;
  }
  const double size = gradient_size(p, r.at, r.bound);
  if (state.at_minimum && size >= 0.5 * state.polished) return true;
  state.at_minimum = true;
  state.polished = size;
  state.lambda = 0;
  return false;
}

// The step with the damping that is set, raised fourfold until H is positive definite with it; not ok where that fails.
NewtonStep damped_step(const NewtonProblem& p, const NewtonResult& r, double& lambda) {
  if (lambda == 0) lambda = 1e-3;
  NewtonStep step = newton_step(p, r.at, r.bound, lambda);
  while (!step.ok && lambda < 1e12) {
    lambda *= 4;
    step = newton_step(p, r.at, r.bound, lambda);
  }
  return step;
}

// Whether a step from the minimum came closer to it. Differences of the value are round-off there; the gradient still
// tells better from worse.
bool polishes(const NewtonProblem& p, const NewtonResult& r, const LocalModel& trial, double polished) {
  return std::isfinite(trial.value) && !(trial.value > r.at.value * (1 + 1e-12) + p.value_floor) &&
         !(gradient_size(p, trial, r.bound) >= polished);
}

// Whether a step pays. Sets the damping of the next one by how much of the promise was kept.
bool descends(const NewtonResult& r, const LocalModel& trial, const NewtonStep& step, double& lambda) {
  const double gain = (r.at.value - trial.value) / step.predicted;
  const bool pays = std::isfinite(trial.value) && trial.value < r.at.value && step.predicted > 0;
  if (!pays) {
    lambda = std::max(8 * lambda, 1e-3);
  } else if (gain > 0.7) {
    lambda = lambda < 1e-5 ? 0 : lambda / 8;
  } else if (gain < 0.2) {
    lambda = std::max(4 * lambda, 1e-4);
  }
  return pays;
}

}  // namespace

bool solve_spd(std::array<Vector, kMaxFree>& a, Vector& b, std::size_t n) {
  for (std::size_t j = 0; j < n; ++j) {
    const double diagonal = a[j][j];
    double d = diagonal;
    for (std::size_t k = 0; k < j; ++k) d -= a[j][k] * a[j][k];
    if (!(d > 1e-15 * diagonal) || !(diagonal > 0)) return false;
    const double root = std::sqrt(d);
    a[j][j] = root;
    for (std::size_t i = j + 1; i < n; ++i) {
      double s = a[i][j];
      for (std::size_t k = 0; k < j; ++k) s -= a[i][k] * a[j][k];
      a[i][j] = s / root;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= a[i][k] * b[k];
    b[i] /= a[i][i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) b[i] -= a[k][i] * b[k];
    b[i] /= a[i][i];
  }
  return true;
}

NewtonResult minimise(const NewtonProblem& p, const Vector& start, const NewtonOptions& options) {
  NewtonResult r;
  r.theta = start;
  for (std::size_t k = 0; k < p.size; ++k) r.theta[k] = std::clamp(r.theta[k], p.lower[k], p.upper[k]);
  const auto evaluate = [&](const Vector& theta, LocalModel& at) {
    p.evaluate(std::span(theta.data(), p.size), at);
    ++r.evaluations;
  };
  evaluate(r.theta, r.at);
  if (!std::isfinite(r.at.value)) {
    r.status = NewtonStatus::diverged;
    return r;
  }
  NewtonState state;
  LocalModel trial;
  while (r.evaluations < options.max_evaluations) {
    r.bound = held_at_bound(p, r.theta, r.at.gradient);
    NewtonStep step = newton_step(p, r.at, r.bound, 0);
    if (is_done(p, options, r, step, state)) break;
    if (!step.ok || state.lambda > 0) step = damped_step(p, r, state.lambda);
    if (!step.ok) break;
    confine(p, r.theta, r.at, step);
    Vector to = r.theta;
    for (std::size_t k = 0; k < p.size; ++k) to[k] += step.change[k];
    evaluate(to, trial);
    const bool better =
        state.at_minimum ? polishes(p, r, trial, state.polished) : descends(r, trial, step, state.lambda);
    if (better) {
      r.theta = to;
      r.at = trial;
    } else if (state.at_minimum || state.lambda > 1e12) {
      break;
    }
  }
  if (state.at_minimum) {
    r.bound = held_at_bound(p, r.theta, r.at.gradient);
    const bool any =
        std::any_of(r.bound.begin(), r.bound.begin() + static_cast<std::ptrdiff_t>(p.size), [](bool b) { return b; });
    r.status = any ? NewtonStatus::at_bound : NewtonStatus::converged;
  }
  return r;
}

}  // namespace scalelaw::inline core
