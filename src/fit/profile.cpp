#include "fit/profile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stats.hpp"

namespace scalelaw {
namespace {

constexpr double kChi2Half = 3.841458820694124 / 2;  // 95 % quantile of chi-squared with one degree of freedom

// The rise of the objective that a parameter's true value exceeds in 5 % of samples.
double threshold(const Problem& p, const Solution& s) {
  const std::vector<double> r = residuals(p, s.theta);
  const auto n = static_cast<double>(r.size());
  const double freedom = std::max(n - static_cast<double>(p.free.size()), 1.0);
  double psi2 = 0, slope = n;
  if (p.objective.kind == ObjectiveKind::log_huber) {
    const double delta = p.objective.delta;
    std::vector<double> size;
    for (const double x : r) {
      size.push_back(std::abs(x));
      psi2 += std::min(x * x, delta * delta);
    }
    // P(|r| <= delta) from the density near 0 in a window wide enough to hold a good share of the points: with delta =
    // 1e-3 and 35 runs the window of delta itself holds two or three.
    const double window = std::max(delta, 0.75 * quantile(size, 0.5));
    const auto inside = static_cast<double>(std::ranges::count_if(size, [&](double x) { return x <= window; }));
    slope = inside * delta / window;
  } else {
    for (const double x : r) psi2 += x * x;
  }
  return kChi2Half * (psi2 / freedom) / (slope / n);
}

struct Profile {
  const std::vector<Observation>& points;
  const Problem& problem;
  const std::map<std::string, double>& fixed;
  std::string name;
  std::vector<double> near;  ///< natural values of the last refit, where the next one starts

  // Least objective with the parameter held at the value.
  double operator()(double value) {
    std::map<std::string, double> held = fixed;
    held[name] = value;
    const Problem p = make_problem(points, problem.law, problem.objective, held);
    Solution s = solve(p, p.weights, start_from(p, near), {.warm = true, .polish = false, .max_evaluations = 100});
    if (s.status == NewtonStatus::stalled) s = solve(p, p.weights, start_from(p, near), {.polish = false});
    near = natural_values(p, s.theta);
    return s.value;
  }
};

}  // namespace

Identifiability profile_interval(const std::vector<Observation>& points, const Problem& problem,
                                 const Solution& solution, const std::map<std::string, double>& fixed,
                                 std::size_t parameter) {
  const std::string& name = law_info(problem.law).parameters[parameter];
  const std::vector<double> best = natural_values(problem, solution.theta);
  const bool logarithmic = is_log_parameter(name);
  const double center = logarithmic ? std::log(best[parameter]) : best[parameter];
  const double limit = solution.value + threshold(problem, solution);
  const auto natural = [&](double x) { return logarithmic ? std::exp(x) : x; };
  // Ranges beyond which a value says "anything": 12 e-folds for logarithms, 1e-3 .. 5 for exponents.
  const double lowest = logarithmic ? center - 12 : 1e-3, highest = logarithmic ? center + 12 : 5;
  const auto end = [&](double bound, bool& closed) {
    Profile profile{points, problem, fixed, name, best};
    double inside = center, step = (bound - center) * (logarithmic ? 1e-3 : 5e-3), outside = bound;
    closed = false;
    while (!closed) {
      const double to = std::abs(step) >= std::abs(bound - inside) ? bound : inside + step;
      if (profile(natural(to)) > limit) {
        outside = to;
        closed = true;
      } else if (to == bound) {
        return natural(bound);
      } else {
        inside = to;
        step *= 1.7;
      }
    }
    // The rise is close to a parabola, so its root is close to linear: false position on it, halving a stale end's
    // value.
    const auto excess = [&](double x) {
      return std::sqrt(std::max(profile(natural(x)) - solution.value, 0.0) / (limit - solution.value)) - 1;
    };
    double f_inside = excess(inside), f_outside = excess(outside);
    int side = 0;
    for (int i = 0; i < 30 && std::abs(outside - inside) > 1e-6 * std::abs(inside - center); ++i) {
      const double x = (f_outside * inside - f_inside * outside) / (f_outside - f_inside);
      const double f = excess(x);
      if (std::abs(f) < 1e-5) return natural(x);
      if (f > 0) {
        outside = x;
        f_outside = f;
        if (side == 1) f_inside /= 2;
        side = 1;
      } else {
        inside = x;
        f_inside = f;
        if (side == -1) f_outside /= 2;
        side = -1;
      }
    }
    return natural(inside);
  };
  Identifiability out;
  bool low_closed = false, high_closed = false;
  out.profile_ci95.low = end(lowest, low_closed);
  out.profile_ci95.high = end(highest, high_closed);
  out.identified = low_closed && high_closed;
  return out;
}

}  // namespace scalelaw
