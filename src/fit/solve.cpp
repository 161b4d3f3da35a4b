#include "fit/solve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "fit/descent.hpp"
#include "fit/evaluate.hpp"
#include "fit/huber.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kTolerance = 1e-13;  // decrease still to be had, as a share of the objective

double median_residual(const Problem& p, std::span<const double> weights, const Vector& theta) {
  std::vector<double> size;
  const std::vector<double> r = residuals(p, theta);
  for (std::size_t i = 0; i < r.size(); ++i) {
    if (weights[i] > 0 && std::isfinite(r[i])) size.push_back(std::abs(r[i]));
  }
  if (size.empty()) return 0;
  const auto middle = size.begin() + static_cast<std::ptrdiff_t>(size.size() / 2);
  std::ranges::nth_element(size, middle);
  return *middle;
}

HuberModel model_of(const Problem& p, std::span<const double> weights, double delta, const Linearised& at) {
  return {.size = p.free.size(),
          .residual = at.residual,
          .jacobian = at.jacobian,
          .weights = weights,
          .delta = delta,
          .damping = {},
          .low = {},
          .high = {},
          .share = 0};
}

// True where the linearised problem has nothing lower and the Hessian, but for a trace of its majorant, is positive
// definite: a minimum, though perhaps one of a line of equals.
bool proven(const Problem& p, const Descent& d, const NewtonResult& at, const Vector& curvature, double floor) {
  if (!d.settled(floor)) return false;
  std::array<Vector, kMaxFree> h = at.at.hessian;
  Vector unused{};
  std::array<Vector, kMaxFree> kept{};
  std::size_t n = 0;
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    if (at.bound[k]) continue;
    std::size_t c = 0;
    for (std::size_t l = 0; l < p.free.size(); ++l) {
      if (!at.bound[l]) kept[n][c++] = h[k][l] + (k == l ? 1e-9 * curvature[k] : 0);
    }
    ++n;
  }
  return solve_spd(kept, unused, n);
}

struct Solver {
  const Problem& p;
  std::span<const double> weights;
  double delta = 0;
  bool second_order = true;
  NewtonProblem newton;
  int evaluations = 0;

  Solver(const Problem& problem, std::span<const double> w) : p(problem), weights(w) {
    newton = {.size = p.free.size(), .evaluate = {}, .lower = p.lower, .upper = p.upper, .max_step = p.max_step};
    newton.evaluate = [this](std::span<const double> theta, LocalModel& at) {
      evaluate(p, weights, delta, second_order, theta, at);
    };
    double total_weight = 0;
    for (const double x : weights) total_weight += x;
    const double scale = p.objective.kind == ObjectiveKind::mse ? std::ranges::max(p.observed) : 1.0;
    newton.value_floor = 1e-30 * total_weight * scale * scale;
  }
  Solver(const Solver&) = delete;
  Solver& operator=(const Solver&) = delete;

  // Least squares first, then delta falls to its value.
  Vector continued(Vector theta, std::optional<Vector>& passed) {
    const double least = p.objective.delta;
    double level = kInfinity;
    while (level > least) {
      delta = level;
      second_order = !std::isinf(level);
      // A term that vanishes on the way comes back slowly, since its logarithm hardly moves the objective.
      newton.lower = second_order ? p.lower : p.start_lower;
      const NewtonOptions rough_options{.max_evaluations = 100, .tolerance = 1e-4, .polish = false};
      const NewtonResult rough = minimise(newton, theta, rough_options);
      evaluations += rough.evaluations;
      if (rough.status == NewtonStatus::diverged) break;
      theta = rough.theta;
      if (!second_order) passed = theta;
      const double middle = median_residual(p, weights, theta);
      level = std::isinf(level) ? middle : std::min(level / 4, middle);
    }
    second_order = true;
    newton.lower = p.lower;
    return theta;
  }

  // Exact steps of the linearised problem.
  Descent pieces(const Vector& from, int max_evaluations) {
    const Descent d = descend({.size = p.free.size(),
                               .linearise = [this](std::span<const double> theta) { return linearise(p, theta); },
                               .weights = weights,
                               .delta = delta,
                               .lower = p.lower,
                               .upper = p.upper,
                               .max_step = p.max_step,
                               .floor = newton.value_floor},
                              from, std::min(max_evaluations, 100));
    evaluations += d.evaluations;
    return d;
  }

  // Newton's pieces may hold no curvature; the exact steps need none.
  void rescue(NewtonResult& found, const NewtonOptions& last) {
    const double floor = newton.value_floor;
    for (int i = 0; i < 3 && found.status == NewtonStatus::stalled; ++i) {
      const Descent d = pieces(found.theta, last.max_evaluations);
      const double before = found.at.value;
      NewtonResult again = minimise(newton, d.theta, last);
      evaluations += again.evaluations;
      if (!(again.at.value <= before)) break;
      found = again;
      if (found.status != NewtonStatus::stalled) break;
      const Descent check = pieces(found.theta, last.max_evaluations);
      const Linearised at = linearise(p, std::span(found.theta.data(), p.free.size()));
      const bool still = check.value >= found.at.value * (1 - 1e-12) - floor;
      if (still && proven(p, check, found, huber_curvature(model_of(p, weights, delta, at)), floor)) {
        const bool any = std::ranges::any_of(found.bound, [](bool b) { return b; });
        found.status = any ? NewtonStatus::at_bound : NewtonStatus::converged;
      } else if (found.at.value > before * (1 - 1e-9)) {
        break;
      }
    }
  }
};

void take_found(const Problem& p, const NewtonResult& found, Solution& s) {
  s.theta = found.theta;
  s.value = found.at.value;
  s.status = found.status;
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const Constant& constant = p.form().constants[p.free[k]];
    if (found.bound[k]) {
      s.at_bound.push_back(constant.name);
    } else {
      const double relative = is_logarithmic(constant) ? 1.0 : std::abs(found.theta[k]);
      s.gradient_norm = std::max(s.gradient_norm, std::abs(found.at.gradient[k]) * relative);
    }
  }
}

}  // namespace

Solution solve(const Problem& p, std::span<const double> weights, const Vector& start, const SolveOptions& options) {
  const bool huber = p.objective.kind == ObjectiveKind::log_huber;
  const double least = huber ? p.objective.delta : kInfinity;
  Solver solver(p, weights);
  Solution s;
  Vector theta = start;
  if (!options.warm && huber) theta = solver.continued(theta, s.passed);
  solver.delta = least;
  const NewtonOptions last{
      .max_evaluations = options.max_evaluations, .tolerance = kTolerance, .polish = options.polish};
  if (options.piecewise) {
    const Descent d = solver.pieces(theta, options.max_evaluations);
    theta = d.theta;
    if (!options.finish && std::isfinite(d.value)) {
      s.theta = theta;
      s.value = d.value;
      s.evaluations = solver.evaluations;
      return s;
    }
  }
  NewtonResult found = minimise(solver.newton, theta, last);
  solver.evaluations += found.evaluations;
  if (options.rescue && options.max_evaluations >= 50) solver.rescue(found, last);  // a small limit is kept
  take_found(p, found, s);
  s.evaluations = solver.evaluations;
  return s;
}

}  // namespace scalelaw::inline fit
