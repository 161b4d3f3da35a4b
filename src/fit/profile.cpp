#include "fit/profile.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>

#include "core/stats.hpp"
#include "fit/evaluate.hpp"

namespace scalelaw::inline fit {
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
    // P(|r| <= delta) from the density near 0 in a window wide enough to hold a good share of the points: with
    // delta = 1e-3 and 35 runs the window of delta itself holds two or three.
    const double window = std::max(delta, 0.75 * quantile(size, 0.5));
    const auto inside = static_cast<double>(std::ranges::count_if(size, [&](double x) { return x <= window; }));
    slope = inside * delta / window;
  } else {
    for (const double x : r) psi2 += x * x;
  }
  return kChi2Half * (psi2 / freedom) / (slope / n);
}

// Where a profile search moves and how: a coordinate with its range and first step.
struct Coordinate {
  double center = 0, lowest = 0, highest = 0;
  double first_step = 0;  ///< share of the way from the centre to an end
};

/// Least objective at a value of the coordinate. One walks outwards from the centre and may start each fit where the
/// last one ended.
using Walk = std::function<double(double)>;

// Least objective of the problem from near, moving near to the minimum.
double refit(const Problem& p, std::vector<double>& near) {
  Solution s = solve(p, p.weights, start_from(p, near),
                     {.warm = true, .rescue = false, .polish = false, .max_evaluations = 100});
  if (s.status == NewtonStatus::stalled) s = solve(p, p.weights, start_from(p, near), {.polish = false});
  near = natural_values(p, s.theta);
  return s.value;
}

// The value between the centre and the bound where the profile crosses the limit; the bound where it does not.
double interval_end(const Coordinate& c, double bound, double best, double limit, const Walk& profile, bool& closed) {
  double inside = c.center, step = (bound - c.center) * c.first_step, outside = bound;
  closed = false;
  while (!closed) {
    const double to = std::abs(step) >= std::abs(bound - inside) ? bound : inside + step;
    if (profile(to) > limit) {
      outside = to;
      closed = true;
    } else if (to == bound) {
      return bound;
    } else {
      inside = to;
      step *= 1.7;
    }
  }
  // The rise is close to a parabola, so its root is close to linear: false position on it, halving a stale end's
  // value.
  const auto excess = [&](double x) {  // infinite on exact data, where any rise is beyond the limit
    const double rise = std::max(profile(x) - best, 0.0);
    return rise == 0 ? -1 : std::sqrt(rise / (limit - best)) - 1;
  };
  double f_inside = excess(inside), f_outside = excess(outside);
  int side = 0;
  for (int i = 0; i < 30 && std::abs(outside - inside) > 1e-6 * std::abs(inside - c.center); ++i) {
    double x = (f_outside * inside - f_inside * outside) / (f_outside - f_inside);
    if (!(x > std::min(inside, outside) && x < std::max(inside, outside))) x = (inside + outside) / 2;
    const double f = excess(x);
    if (std::abs(f) < 1e-5) return x;
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
  return inside;
}

// The interval of a coordinate; fresh makes a walk that begins at the solution.
Identifiability interval_of(const Coordinate& c, double best, double limit, const std::function<Walk()>& fresh) {
  Identifiability out;
  bool low_closed = false, high_closed = false;
  out.profile_ci95.low = interval_end(c, c.lowest, best, limit, fresh(), low_closed);
  out.profile_ci95.high = interval_end(c, c.highest, best, limit, fresh(), high_closed);
  out.identified = low_closed && high_closed;
  return out;
}

}  // namespace

Identifiability profile_interval(const std::vector<Observation>& points, const Problem& problem,
                                 const Solution& solution, const std::map<std::string, double>& fixed,
                                 std::size_t parameter) {
  const Constant& constant = problem.form().constants[parameter];
  const std::vector<double> best = natural_values(problem, solution.theta);
  const bool logarithmic = is_logarithmic(constant);
  const bool any_sign = may_be_negative(constant);
  const auto natural = [logarithmic, any_sign](double x) {
    if (any_sign && std::abs(x) < 1e-8) return 1e-8;  // a power of exactly 0 cannot be held
    return logarithmic ? std::exp(x) : x;
  };
  const double center = logarithmic ? std::log(best[parameter]) : best[parameter];
  // An amplitude beyond the range of doubles (a steep exponent far from its data) has no interval.
  constexpr double kLargestLog = 690;
  if (logarithmic && std::abs(center) >= kLargestLog)
    return {.profile_ci95 = {0, std::numeric_limits<double>::max()}, .identified = false};
  // Ranges beyond which a value says "anything": 12 e-folds for logarithms, 1e-3 .. 5 for exponents; those of either
  // sign have a range of their own.
  const Coordinate c{.center = center,
                     .lowest = logarithmic ? std::max(center - 12, -kLargestLog)
                               : any_sign  ? constant.lower
                                           : std::max(constant.lower, 1e-3),
                     .highest = logarithmic ? std::min(center + 12, kLargestLog)
                                : any_sign  ? constant.upper
                                            : std::max(5.0, constant.upper),
                     .first_step = logarithmic ? 1e-3 : 5e-3};
  Identifiability out = interval_of(c, solution.value, solution.value + threshold(problem, solution), [&]() -> Walk {
    return [&, near = best](double x) mutable {
      std::map<std::string, double> held = fixed;
      held[constant.name] = natural(x);
      return refit(make_problem(points, problem.law, problem.objective, held), near);
    };
  });
  out.profile_ci95 = {natural(out.profile_ci95.low), natural(out.profile_ci95.high)};
  return out;
}

std::map<std::string, Identifiability> profile_exponents(const std::vector<Observation>& points, const Problem& problem,
                                                         const Solution& solution,
                                                         const std::map<std::string, double>& fixed,
                                                         const std::map<std::string, Identifiability>& known) {
  const std::optional<ExponentRatio>& ratio = problem.form().ratio;
  if (!ratio) return {};
  const std::size_t numerator = ratio->numerator, other = ratio->other;
  const auto& names = problem.form().parameters;
  const std::vector<double> best = natural_values(problem, solution.theta);
  if (problem.fixed[numerator] && problem.fixed[other]) return {};
  Identifiability a;
  if (problem.fixed[numerator] || problem.fixed[other]) {
    // a follows from the one exponent that is free, and so does its interval.
    const bool rising = problem.fixed[other];
    a = known.at(names[rising ? numerator : other]);
    const auto share = [&](double x) {
      return rising ? x / (x + best[other]) : best[numerator] / (best[numerator] + x);
    };
    const Interval ends{share(a.profile_ci95.low), share(a.profile_ci95.high)};
    a.profile_ci95 = rising ? ends : Interval{ends.high, ends.low};
  } else {
    const double sum = best[numerator] + best[other];
    const Coordinate c{.center = best[numerator] / sum, .lowest = 0.01, .highest = 0.99, .first_step = 5e-3};
    if (c.center <= c.lowest || c.center >= c.highest) return {};
    a = interval_of(c, solution.value, solution.value + threshold(problem, solution), [&]() -> Walk {
      return [&, near = best](double x) mutable {
        const Tie tie{.from = other, .to = numerator, .factor = x / (1 - x)};
        const Problem p = make_problem(points, problem.law, problem.objective, fixed, tie);
        // From the last fit both exponents turn about their sum, and the amplitudes at the centre stay.
        const double total = near[numerator] + near[other];
        const std::vector<double> last = near;
        near[numerator] = x * total;
        near[other] = (1 - x) * total;
        for (const Centre& centre : p.centres) {
          near[centre.amplitude] *= std::exp((near[centre.exponent] - last[centre.exponent]) * centre.at);
        }
        return refit(p, near);
      };
    });
  }
  const Identifiability b{.profile_ci95 = {1 - a.profile_ci95.high, 1 - a.profile_ci95.low},
                          .identified = a.identified};
  return {{"a", a}, {"b", b}};
}

}  // namespace scalelaw::inline fit
