#include "fit/problem.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "law/stretched.hpp"

namespace scalelaw::inline fit {
namespace {

// Of a point its loss, its weight and the one variable that a law looks at; without one, N, D and C.
void check_point(const Observation& o, std::size_t i, std::optional<Quantity> only) {
  const std::string where = o.run.empty() ? fmt::format("observation {}", i + 1) : fmt::format("run {}", o.run);
  const auto positive = [&](double x, const char* what) {
    if (!(x > 0) || !std::isfinite(x))
      fail_data("{}: {} is {}; a fit needs positive finite numbers, remove the point", where, what, x);
  };
  const auto wanted = [&](Quantity quantity) { return !only || *only == quantity; };
  if (wanted(Quantity::params)) positive(o.params, "params");
  if (wanted(Quantity::tokens)) positive(o.tokens, "tokens");
  if (wanted(Quantity::flops)) positive(o.flops, "flops");
  positive(o.loss_nats, "loss");
  if (!(o.weight >= 0) || !std::isfinite(o.weight))
    fail_data("{}: weight is {}; it must be 0 or more", where, o.weight);
}

// Beyond its bounds an outer power takes amplitudes out of the range of doubles.
void check_outer_power(const LawForm& form, std::size_t constant, double value) {
  if (form.coordinates != Coordinates::outer || constant != outer_place::kPower) return;
  const Constant& power = form.constants[constant];
  if (value < power.lower || value > power.upper)
    fail_config("--fix {}={}: must lie from {} to {}", power.name, value, power.lower, power.upper);
}

void set_fixed(Problem& p, const std::map<std::string, double>& fixed) {
  const LawForm& form = p.form();
  p.values.assign(form.parameters.size(), 1.0);
  p.fixed.assign(form.parameters.size(), false);
  for (const auto& [name, value] : fixed) {
    const auto it = std::ranges::find(form.parameters, name);
    if (it == form.parameters.end()) {
      const std::string near = nearest_word(name, form.parameters);
      fail_config("--fix {}: the law {} has no such parameter{}; it has {}", name, form.name,
                  near.empty() ? "" : fmt::format(" (did you mean {}?)", near), fmt::join(form.parameters, ", "));
    }
    const auto k = static_cast<std::size_t>(it - form.parameters.begin());
    const bool may_be_zero = form.constants[k].role == Role::offset;
    if (may_be_negative(form.constants[k])) {
      if (!std::isfinite(value) || (value == 0 && form.constants[k].role == Role::exponent))
        fail_config("--fix {}={}: must be finite{}", name, value, value == 0 ? " and not 0" : "");
    } else if (!std::isfinite(value) || value < 0 || (value == 0 && !may_be_zero)) {
      fail_config("--fix {}={}: must be positive and finite{}", name, value, may_be_zero ? " (or 0)" : "");
    }
    check_outer_power(form, k, value);
    p.values[k] = value;
    p.fixed[k] = true;
  }
  for (std::size_t k = 0; k < p.fixed.size(); ++k) {
    if (!p.fixed[k] && !(p.tie && p.tie->to == k)) p.free.push_back(k);
  }
  if (p.free.empty()) fail_config("--fix leaves no parameter of the law {} to fit", form.name);
}

double mean_log(const Problem& p, Quantity quantity) {
  double sum = 0;
  for (const LawPoint& point : p.points) {
    sum += std::log(quantity_of(point, quantity)) / static_cast<double>(p.size());
  }
  return sum;
}

// Whether what is held leaves the law its coordinates: a power law wants X and alpha both free.
bool keeps_coordinates(const Problem& p) {
  return p.form().coordinates != Coordinates::power ||
         (!p.tie && !p.fixed[power_place::kX] && !p.fixed[power_place::kAlpha]);
}

// Under a free outer power what is held inside moves with it: alpha' = alpha k, and p = ln A k of points that are not
// centred.
void set_ties(Problem& p) {
  using namespace outer_place;
  if (p.tie) p.ties.push_back(*p.tie);
  if (p.coordinates != Coordinates::outer || p.fixed[kPower]) return;
  for (const std::size_t k : {kA, kB, kAlpha, kBeta}) {
    if (!p.fixed[k]) continue;
    const bool amplitude = is_logarithmic(p.form().constants[k]);
    p.ties.push_back({.from = kPower, .to = k, .factor = amplitude ? std::log(p.values[k]) : p.values[k]});
  }
}

void set_stretched(Problem& p) {
  p.coordinates = Coordinates::stretched;
  p.stretched.at = mean_log(p, Quantity::params);
  for (std::size_t i = 0; i < StretchedPlaces::kFunctions; ++i) {
    p.stretched.centred[i] = !p.fixed[3 * i] && !p.fixed[3 * i + 2];
  }
}

// The law's own coordinates and the centres that they take.
void set_coordinates(Problem& p) {
  const LawForm& form = p.form();
  if (form.coordinates == Coordinates::logarithms) return;
  check_places(form);
  if (form.coordinates == Coordinates::stretched) return set_stretched(p);
  if (!keeps_coordinates(p)) return;
  for (const std::size_t k : form.of_role(Role::amplitude)) {
    const Quantity of = *form.constants[k].of;
    if (!p.fixed[k]) {
      p.centres.push_back({.amplitude = k, .exponent = form.term_of(of).back(), .at = mean_log(p, of)});
    }
  }
  p.coordinates = form.coordinates;
}

// ln N and ln D less the centres of their amplitudes, or as they are where those are held; padded with the mean.
void set_surface(Problem& p) {
  const std::size_t n = p.size(), padded = surface_padded(n);
  const auto column = [&](Quantity of, std::vector<double>& to) {
    const Centre* centre = p.centre_of(p.form().term_of(of).front());
    const double at = centre != nullptr ? centre->at : 0;
    to.assign(padded, centre != nullptr ? 0 : mean_log(p, of));
    for (std::size_t i = 0; i < n; ++i) to[i] = std::log(quantity_of(p.points[i], of)) - at;
  };
  column(Quantity::params, p.surface.log_params);
  column(Quantity::tokens, p.surface.log_tokens);
  p.surface.loss.assign(padded, p.observed.front());
  for (std::size_t i = 0; i < n; ++i) p.surface.loss[i] = p.observed[i];
  p.surface.inverse_loss.resize(padded);
  for (std::size_t i = 0; i < padded; ++i) p.surface.inverse_loss[i] = 1 / p.surface.loss[i];
}

// About the points' mean the law's own bounds hold, and its last level is the logarithm of a loss; otherwise a number
// of any sign has none.
void set_real_bounds(Problem& p, std::size_t i, double least, double most) {
  const std::size_t k = p.free[i], last = p.form().constants.size() - 1;
  if (!p.stretched.centred[k / 3]) {
    const Constant unbounded = real_number("", {});
    p.lower[i] = unbounded.lower;
    p.upper[i] = unbounded.upper;
    p.max_step[i] = unbounded.max_step;
  } else if (k == last) {
    p.lower[i] = std::log(least) - 12;
    p.upper[i] = std::log(most) + 1;
    p.max_step[i] = 2;
  }
}

// The largest exponent with which the loss of a term alone may fall: that of the exponents of the other laws.
constexpr double kLargestFall = 5;

// An offset and a centred amplitude are losses: they may fall to e^-12 of the smallest one before they count as
// vanished. The other constants have the bounds of their role.
void set_bounds(Problem& p) {
  const auto [least, most] = std::ranges::minmax(p.observed);
  // Two equal losses add up to 2^k times one of them.
  const bool steep = p.coordinates == Coordinates::outer && p.fixed[outer_place::kPower];
  const double doublings = steep ? std::max(p.values[outer_place::kPower] - 1, 0.0) : 0;
  const bool surface = p.coordinates == Coordinates::surface || p.coordinates == Coordinates::outer;
  for (std::size_t i = 0; i < p.free.size(); ++i) {
    const Constant& constant = p.form().constants[p.free[i]];
    const bool centred = p.centre_of(p.free[i]) != nullptr;
    const double floor = std::log(least) - (centred ? doublings * std::log(2.0) : 0);
    p.lower[i] = constant.lower;
    p.upper[i] = constant.upper;
    p.max_step[i] = constant.max_step;
    if (constant.role == Role::exponent) {
      if (surface && constant.of) p.lower[i] = 0;
      if (p.coordinates == Coordinates::outer && constant.of) p.upper[i] = kLargestFall;
      if (p.tie && p.tie->from == p.free[i]) p.upper[i] /= std::max(p.tie->factor, 1.0);
    } else if (constant.role == Role::offset || centred) {
      p.lower[i] = floor - 12;
      p.upper[i] = std::log(most) + (centred ? 1 : 0);
      p.max_step[i] = 2;
    }
    if (constant.role == Role::real) set_real_bounds(p, i, least, most);
    p.start_lower[i] = p.lower[i];
    if (constant.role == Role::offset || centred) p.start_lower[i] = floor - 4;
    if (surface && constant.role == Role::exponent && constant.of) p.start_lower[i] = 0.02;
  }
}

// Whether the constants have the roles of those wanted, in their order and for the same terms.
bool same_roles(const std::vector<Constant>& constants, const std::vector<Constant>& wanted) {
  return std::ranges::equal(constants, wanted,
                            [](const Constant& a, const Constant& b) { return a.role == b.role && a.of == b.of; });
}

}  // namespace

void check_places(const LawForm& form) {
  switch (form.coordinates) {
    case Coordinates::logarithms:
      return;
    case Coordinates::surface:
      SCALELAW_CHECK(
          same_roles(form.constants, {offset("E"), amplitude("A", Quantity::params), amplitude("B", Quantity::tokens),
                                      exponent("alpha", Quantity::params), exponent("beta", Quantity::tokens)}),
          "{} has other constants than E, A, B, alpha, beta", form.name);
      return;
    case Coordinates::outer:
      SCALELAW_CHECK(same_roles(form.constants, {offset("E"), amplitude("A", Quantity::params),
                                                 amplitude("B", Quantity::tokens), exponent("alpha", Quantity::params),
                                                 exponent("beta", Quantity::tokens), exponent("k", std::nullopt)}),
                     "{} has other constants than E, A, B, alpha, beta, k", form.name);
      return;
    case Coordinates::power: {
      const std::optional<Quantity> x = form.only_variable();
      SCALELAW_CHECK(x && same_roles(form.constants, {amplitude("X", *x), exponent("alpha", x), offset("E")}),
                     "{} has other constants than X, alpha, E", form.name);
      return;
    }
    case Coordinates::stretched: {
      constexpr std::array kNames = {"a1", "alpha", "b1", "a2", "beta", "b2", "a3", "gamma", "b3"};
      SCALELAW_CHECK(std::ranges::equal(form.constants, kNames, {}, &Constant::name), "{} has other constants than {}",
                     form.name, fmt::join(kNames, ", "));
      return;
    }
  }
}

void check_points(const std::vector<Observation>& observations) {
  for (std::size_t i = 0; i < observations.size(); ++i) check_point(observations[i], i, std::nullopt);
}

const Centre* Problem::centre_of(std::size_t amplitude) const {
  const auto it = std::ranges::find(centres, amplitude, &Centre::amplitude);
  return it == centres.end() ? nullptr : &*it;
}

Problem make_problem(const std::vector<Observation>& observations, LawKind law, const Objective& objective,
                     const std::map<std::string, double>& fixed, const std::optional<Tie>& tie) {
  Problem p;
  p.law = law;
  p.objective = objective;
  p.tie = tie;
  set_fixed(p, fixed);
  for (std::size_t i = 0; i < observations.size(); ++i) {
    const Observation& o = observations[i];
    check_point(o, i, p.form().only_variable());
    p.points.push_back(law_point(o));
    p.observed.push_back(p.form().predicts_size ? o.params : o.loss_nats);
    p.weights.push_back(o.weight);
  }
  if (p.observed.empty()) return p;
  p.weights.resize(surface_padded(p.size()), 0.0);
  set_coordinates(p);
  set_ties(p);
  if (p.coordinates == Coordinates::surface || p.coordinates == Coordinates::outer) set_surface(p);
  set_bounds(p);
  return p;
}

namespace {

// alpha = alpha'/k and ln A = p/k + alpha at, of theta = (ln E, p, q, alpha', beta', k).
void set_outer_values(const Problem& p, std::span<const double> theta, std::vector<double>& values) {
  using namespace outer_place;
  const double k_outer = values[kPower];
  for (const std::size_t exponent : {kAlpha, kBeta}) {
    if (!p.fixed[exponent]) values[exponent] /= k_outer;
  }
  if (p.tie) values[p.tie->to] = p.tie->factor * values[p.tie->from];
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const Centre* centre = p.centre_of(p.free[k]);
    if (centre == nullptr) continue;
    const double log_amplitude = theta[k] / k_outer + values[centre->exponent] * centre->at;
    values[centre->amplitude] = std::exp(std::clamp(log_amplitude, -690.0, 690.0));
  }
}

// (ln E, p, q, alpha', beta', k) of the free constants. They are those of the law that has these values: what is held
// at others does not move the losses of the terms at the centre.
Vector outer_coordinates(const Problem& p, const std::vector<double>& values) {
  using namespace outer_place;
  Vector theta{};
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const std::size_t j = p.free[k];
    theta[k] = is_logarithmic(p.form().constants[j]) ? std::log(std::max(values[j], 1e-300)) : values[j];
    const Centre* centre = p.centre_of(j);
    if (centre != nullptr) theta[k] -= values[centre->exponent] * centre->at;
    if (j != kE && j != kPower) theta[k] *= values[kPower];
  }
  return theta;
}

}  // namespace

Vector start_from(const Problem& p, const std::vector<double>& values) {
  if (p.coordinates == Coordinates::outer) {
    Vector theta = outer_coordinates(p, values);
    for (std::size_t k = 0; k < p.free.size(); ++k) theta[k] = std::clamp(theta[k], p.start_lower[k], p.upper[k]);
    return theta;
  }
  Vector theta{};
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const std::size_t j = p.free[k];
    theta[k] = is_logarithmic(p.form().constants[j]) ? std::log(std::max(values[j], 1e-300)) : values[j];
    if (const Centre* centre = p.centre_of(j)) {
      double exponent = p.fixed[centre->exponent] ? p.values[centre->exponent] : values[centre->exponent];
      if (p.tie && p.tie->to == centre->exponent) exponent = p.tie->factor * values[p.tie->from];
      if (p.coordinates == Coordinates::power) {
        theta[k] = exponent * (theta[k] - centre->at);  // ln (X/x)^alpha
      } else {
        theta[k] -= exponent * centre->at;  // ln A x^-alpha
      }
    }
    if (p.coordinates == Coordinates::stretched && p.stretched.centred[j / 3]) {
      // Where another power is held, the function keeps its slope and its level there.
      const std::size_t first = j / 3 * 3;
      const CentredStretch f =
          centred({.a = values[first], .power = values[first + 1], .b = values[first + 2]}, p.stretched.at);
      theta[k] = std::array{f.slope, f.power, f.level}.at(j % 3);
    }
    theta[k] = std::clamp(theta[k], p.start_lower[k], p.upper[k]);
  }
  return theta;
}

std::vector<double> natural_values(const Problem& p, std::span<const double> theta) {
  std::vector<double> values = p.values;
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const std::size_t j = p.free[k];
    values[j] = is_logarithmic(p.form().constants[j]) ? std::exp(theta[k]) : theta[k];
  }
  if (p.coordinates == Coordinates::outer) {
    set_outer_values(p, theta, values);
    return values;
  }
  if (p.tie) values[p.tie->to] = p.tie->factor * values[p.tie->from];
  for (std::size_t i = 0; p.coordinates == Coordinates::stretched && i < StretchedPlaces::kFunctions; ++i) {
    if (!p.stretched.centred[i]) continue;
    const Stretch f =
        natural({.slope = values[3 * i], .power = values[3 * i + 1], .level = values[3 * i + 2]}, p.stretched.at);
    values[3 * i] = f.a;
    values[3 * i + 1] = f.power;
    values[3 * i + 2] = f.b;
  }
  for (const Centre& centre : p.centres) {
    double& amplitude = values[centre.amplitude];
    if (p.coordinates == Coordinates::power) {  // X and alpha are free, so that theta has them at their places
      amplitude = std::exp(std::clamp(theta[power_place::kX] / theta[power_place::kAlpha] + centre.at, -690.0, 690.0));
    } else {
      amplitude *= std::exp(values[centre.exponent] * centre.at);
    }
  }
  return values;
}

Law fitted_law(const Problem& problem, std::span<const double> theta, const Convention& convention) {
  return {.kind = problem.law,
          .values = natural_values(problem, theta),
          .name = "fit",
          .source = "",
          .convention = convention};
}

}  // namespace scalelaw::inline fit
