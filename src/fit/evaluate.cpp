#include "fit/evaluate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>

#include "core/linear_algebra.hpp"
#include "fit/outer_surface.hpp"
#include "fit/stretched.hpp"

namespace scalelaw::inline fit {
namespace {

bool of_logs(const Problem& p) { return p.objective.kind != ObjectiveKind::mse; }

double residual_of(const Problem& p, std::size_t i, double predicted) {
  return of_logs(p) ? std::log(predicted / p.observed[i]) : predicted - p.observed[i];
}

Linearised empty_at(const Problem& p, bool with_jacobian) {
  Linearised out;
  out.residual.resize(p.size());
  out.jacobian.resize(with_jacobian ? p.size() * p.free.size() : 0);
  return out;
}

// --- Coordinates::surface: theta = (ln E, ln A', ln B', alpha, beta) of the free parameters, fit/surface.hpp.

constexpr std::size_t kSurfaceConstants = std::tuple_size_v<SurfaceTheta>;

// All five coordinates: those free from theta, those held and tied from the problem.
SurfaceTheta surface_theta(const Problem& p, std::span<const double> theta) {
  SurfaceTheta full{};
  for (std::size_t j = 0; j < kSurfaceConstants; ++j) {
    if (!p.fixed[j]) continue;
    full[j] = is_logarithmic(p.form().constants[j]) ? std::log(p.values[j]) : p.values[j];
  }
  for (std::size_t k = 0; k < p.free.size(); ++k) full[p.free[k]] = theta[k];
  if (p.tie) full[p.tie->to] = p.tie->factor * full[p.tie->from];
  return full;
}

Linearised linearise_surface(const Problem& p, std::span<const double> theta, bool with_jacobian) {
  using namespace surface_place;
  const std::size_t m = p.free.size();
  const SurfaceTheta full = surface_theta(p, theta);
  const double constant = std::exp(full[kE]);
  Linearised out = empty_at(p, with_jacobian);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double x = p.surface.log_params[i], y = p.surface.log_tokens[i];
    const double a = std::exp(full[kA] - full[kAlpha] * x), b = std::exp(full[kB] - full[kBeta] * y);
    const double predicted = constant + a + b;
    out.residual[i] = residual_of(p, i, predicted);
    if (!with_jacobian) continue;
    const SurfaceTheta slope = {constant, a, b, -a * x, -b * y};
    for (std::size_t k = 0; k < m; ++k) out.jacobian[i * m + k] = slope[p.free[k]] / (of_logs(p) ? predicted : 1.0);
  }
  return out;
}

// Sums over all constants of a law (SurfaceSums, OuterSums) to those of the free ones.
template <class Sums>
void take_free(const Problem& p, Sums sums, LocalModel& at) {
  at.value = sums.value;
  for (const auto& [from, to, factor] : p.ties) {
    // Chain rule: the gradient and the Hessian along `from` take in those along `to`.
    sums.gradient[from] += factor * sums.gradient[to];
    for (std::size_t j = 0; j < sums.gradient.size(); ++j) sums.hessian[from][j] += factor * sums.hessian[to][j];
    for (std::size_t i = 0; i < sums.gradient.size(); ++i) sums.hessian[i][from] += factor * sums.hessian[i][to];
  }
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    at.gradient[k] = sums.gradient[p.free[k]];
    for (std::size_t l = 0; l < p.free.size(); ++l) at.hessian[k][l] = sums.hessian[p.free[k]][p.free[l]];
  }
}

void evaluate_surface(const Problem& p, std::span<const double> weights, double delta, bool second_order,
                      std::span<const double> theta, LocalModel& at) {
  SurfaceSums sums;
  surface_sums(p.surface, weights, surface_theta(p, theta), of_logs(p), delta, second_order, sums);
  take_free(p, sums, at);
}

// --- Coordinates::outer: theta = (ln E, p, q, alpha', beta', k) of the free parameters, fit/outer_surface.hpp.

constexpr std::size_t kOuterConstants = std::tuple_size_v<OuterTheta>;

// All six coordinates: those free from theta, those held and tied from the problem. What is held inside the power is
// alpha or ln A (of points that are not centred): its coordinate is k times that.
OuterTheta outer_theta(const Problem& p, std::span<const double> theta) {
  using namespace outer_place;
  OuterTheta full{};
  for (std::size_t j = 0; j < kOuterConstants; ++j) {
    if (!p.fixed[j]) continue;
    full[j] = is_logarithmic(p.form().constants[j]) ? std::log(p.values[j]) : p.values[j];
  }
  for (std::size_t k = 0; k < p.free.size(); ++k) full[p.free[k]] = theta[k];
  for (const std::size_t inside : {kA, kB, kAlpha, kBeta}) {
    if (p.fixed[inside]) full[inside] *= full[kPower];
  }
  if (p.tie) full[p.tie->to] = p.tie->factor * full[p.tie->from];
  return full;
}

// Steep terms under a small power have amplitudes, ln A = p/k + alpha at, that are no doubles: such a law could not be
// told, so that a fit must not end there.
bool can_be_told(const Problem& p, const OuterTheta& full) {
  return std::ranges::all_of(p.centres, [&](const Centre& c) {
    return std::abs(full[c.amplitude] + full[c.exponent] * c.at) < 690 * full[outer_place::kPower];
  });
}

Linearised linearise_outer(const Problem& p, std::span<const double> theta, bool with_jacobian) {
  const std::size_t m = p.free.size();
  const OuterTheta full = outer_theta(p, theta);
  const double constant = std::exp(full[outer_place::kE]);
  Linearised out = empty_at(p, with_jacobian);
  if (!can_be_told(p, full)) {
    std::ranges::fill(out.residual, kInfinity);
    return out;
  }
  for (std::size_t i = 0; i < p.size(); ++i) {
    const OuterTerm at = outer_term(full, p.surface.log_params[i], p.surface.log_tokens[i]);
    const double term = std::exp(at.log_term), predicted = constant + term;
    out.residual[i] = residual_of(p, i, predicted);
    if (!with_jacobian) continue;
    std::array<double, kOuterConstants> slope = {constant};
    for (std::size_t j = 1; j < kOuterConstants; ++j) slope[j] = term * at.slopes[j - 1];
    for (const auto& [from, to, factor] : p.ties) slope[from] += factor * slope[to];
    for (std::size_t k = 0; k < m; ++k) out.jacobian[i * m + k] = slope[p.free[k]] / (of_logs(p) ? predicted : 1.0);
  }
  return out;
}

void evaluate_outer(const Problem& p, std::span<const double> weights, double delta, bool second_order,
                    std::span<const double> theta, LocalModel& at) {
  const OuterTheta full = outer_theta(p, theta);
  OuterSums sums;
  if (can_be_told(p, full)) {
    outer_sums(p.surface, weights, full, of_logs(p), delta, second_order, sums);
  } else {
    sums.value = kInfinity;
  }
  take_free(p, sums, at);
}

// --- Coordinates::power: theta = (ln A', alpha[, ln E]) of E + A' e^(-alpha x), x = ln of the variable from its mean.

// Residuals and Jacobian; with `at`, sum psi d2 r is added to its Hessian.
Linearised linearise_power(const Problem& p, std::span<const double> theta, bool with_jacobian,
                           std::span<const double> psi = {}, LocalModel* at = nullptr) {
  using namespace power_place;
  const std::size_t m = p.free.size();
  const double offset = p.fixed[kE] ? p.values[kE] : std::exp(theta[kE]);
  const Quantity variable = *p.form().only_variable();
  Linearised out = empty_at(p, with_jacobian);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double x = std::log(quantity_of(p.points[i], variable)) - p.centres.front().at;
    const double power = std::exp(theta[kX] - theta[kAlpha] * x);
    const double predicted = offset + power, unit = of_logs(p) ? 1 / predicted : 1;
    out.residual[i] = residual_of(p, i, predicted);
    const std::array<double, 3> g = {power, -x * power, offset};
    for (std::size_t k = 0; with_jacobian && k < m; ++k) out.jacobian[i * m + k] = g[k] * unit;
    if (!at) continue;
    const std::array<std::array<double, 3>, 3> h = {
        {{power, -x * power, 0}, {-x * power, x * x * power, 0}, {0, 0, offset}}};
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t j = 0; j < m; ++j) {
        at->hessian[k][j] += psi[i] * unit * (h[k][j] - (of_logs(p) ? g[k] * g[j] * unit : 0));
      }
    }
  }
  return out;
}

// --- Coordinates::stretched: the constants, or slope, power and level of their functions, fit/stretched.hpp.

// Residuals and Jacobian; with `at`, sum psi d2 r is added to its Hessian.
Linearised linearise_stretched(const Problem& p, std::span<const double> theta, bool with_jacobian,
                               std::span<const double> psi = {}, LocalModel* at = nullptr) {
  const std::size_t m = p.free.size();
  StretchedTheta full{};
  for (std::size_t j = 0; j < full.size(); ++j) full[j] = p.fixed[j] ? p.values[j] : 0;
  for (std::size_t k = 0; k < m; ++k) full[p.free[k]] = theta[k];
  Linearised out = empty_at(p, with_jacobian);
  StretchedLoss loss;
  for (std::size_t i = 0; i < p.size(); ++i) {
    stretched_loss(p.stretched, full, std::log(p.points[i].params), std::log(p.points[i].tokens), at != nullptr, loss);
    const double unit = of_logs(p) ? 1 / loss.value : 1;
    out.residual[i] = residual_of(p, i, loss.value);
    for (std::size_t k = 0; with_jacobian && k < m; ++k) out.jacobian[i * m + k] = loss.gradient[p.free[k]] * unit;
    for (std::size_t k = 0; at != nullptr && k < m; ++k) {
      const std::size_t a = p.free[k];
      for (std::size_t j = 0; j < m; ++j) {
        const std::size_t b = p.free[j];
        const double squares = of_logs(p) ? loss.gradient[a] * loss.gradient[b] * unit : 0;
        at->hessian[k][j] += psi[i] * unit * (loss.hessian[a][b] - squares);
      }
    }
  }
  return out;
}

// --- Any law, from its own gradient.

// d loss / d theta of the constant j, from d loss / d values: d/d ln v = v d/dv. Where an amplitude is centred, its
// term at the centre stays while the exponent moves, so the amplitude moves with it.
double working_slope(const Problem& p, std::span<const double> values, std::span<const double> gradient,
                     std::size_t j) {
  double slope = gradient[j] * (is_logarithmic(p.form().constants[j]) ? values[j] : 1.0);
  for (const Centre& centre : p.centres) {
    if (centre.exponent == j) slope += gradient[centre.amplitude] * values[centre.amplitude] * centre.at;
  }
  return slope;
}

Linearised linearise_any(const Problem& p, std::span<const double> theta, bool with_jacobian) {
  const std::size_t m = p.free.size();
  const std::vector<double> values = natural_values(p, theta);
  std::vector<double> gradient(with_jacobian ? values.size() : 0);
  Linearised out = empty_at(p, with_jacobian);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double predicted = p.form().evaluate(values, p.points[i], gradient);
    out.residual[i] = residual_of(p, i, predicted);
    if (!with_jacobian) continue;
    for (std::size_t k = 0; k < m; ++k) {
      double d = working_slope(p, values, gradient, p.free[k]);
      if (p.tie && p.tie->from == p.free[k]) d += p.tie->factor * working_slope(p, values, gradient, p.tie->to);
      out.jacobian[i * m + k] = of_logs(p) ? d / predicted : d;
    }
  }
  return out;
}

// sum psi * d2 r from central differences of the Jacobian, added to the Hessian.
void add_curvature(const Problem& p, std::span<const double> theta, std::span<const double> psi, LocalModel& at) {
  const std::size_t m = p.free.size();
  std::vector<double> moved(theta.begin(), theta.end());
  std::array<Vector, kMaxFree> second{};
  for (std::size_t k = 0; k < m; ++k) {
    const double h = 1e-5 * std::max(std::abs(theta[k]), 0.01);
    for (const double sign : {1.0, -1.0}) {
      moved[k] = theta[k] + sign * h;
      const Linearised side = linearise(p, moved);
      for (std::size_t i = 0; i < p.size(); ++i) {
        for (std::size_t j = 0; j < m; ++j) second[k][j] += sign * psi[i] * side.jacobian[i * m + j] / (2 * h);
      }
    }
    moved[k] = theta[k];
  }
  for (std::size_t k = 0; k < m; ++k) {
    for (std::size_t j = 0; j < m; ++j) at.hessian[k][j] += 0.5 * (second[k][j] + second[j][k]);
  }
}

// Gauss-Newton part from the Jacobian, and sum psi * d2 r.
void evaluate_any(const Problem& p, std::span<const double> weights, double delta, bool second_order,
                  std::span<const double> theta, LocalModel& at) {
  const std::size_t m = p.free.size();
  const Linearised l = linearise(p, theta);
  at = LocalModel{};
  std::vector<double> psi(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double r = l.residual[i], clipped = of_logs(p) ? std::clamp(r, -delta, delta) : r;
    psi[i] = weights[i] * clipped;
    at.value += psi[i] * (r - 0.5 * clipped);
    const double curved = clipped == r ? weights[i] : 0.0;
    for (std::size_t k = 0; k < m; ++k) {
      at.gradient[k] += psi[i] * l.jacobian[i * m + k];
      for (std::size_t j = 0; j < m; ++j) at.hessian[k][j] += curved * l.jacobian[i * m + k] * l.jacobian[i * m + j];
    }
  }
  if (!second_order || !std::isfinite(at.value)) return;
  if (p.coordinates == Coordinates::power) {
    (void)linearise_power(p, theta, false, psi, &at);
  } else if (p.coordinates == Coordinates::stretched) {
    (void)linearise_stretched(p, theta, false, psi, &at);
  } else {
    add_curvature(p, theta, psi, at);
  }
}

}  // namespace

Linearised linearise(const Problem& p, std::span<const double> theta, bool with_jacobian) {
  if (p.coordinates == Coordinates::surface && !p.tie) return linearise_surface(p, theta, with_jacobian);
  if (p.coordinates == Coordinates::outer) return linearise_outer(p, theta, with_jacobian);
  if (p.coordinates == Coordinates::power) return linearise_power(p, theta, with_jacobian);
  if (p.coordinates == Coordinates::stretched) return linearise_stretched(p, theta, with_jacobian);
  return linearise_any(p, theta, with_jacobian);
}

void evaluate(const Problem& p, std::span<const double> weights, double delta, bool second_order,
              std::span<const double> theta, LocalModel& at) {
  if (p.coordinates == Coordinates::surface) {
    evaluate_surface(p, weights, delta, second_order, theta, at);
  } else if (p.coordinates == Coordinates::outer) {
    evaluate_outer(p, weights, delta, second_order, theta, at);
  } else {
    evaluate_any(p, weights, delta, second_order, theta, at);
  }
}

std::vector<double> residuals(const Problem& p, std::span<const double> theta) {
  const std::span<const double> free = theta.first(p.free.size());
  if (p.coordinates == Coordinates::surface) return linearise_surface(p, free, false).residual;
  return linearise(p, free, false).residual;
}

double design_condition(const Problem& p, std::span<const double> theta) {
  const auto m = static_cast<Eigen::Index>(p.free.size());
  const Linearised l = linearise(p, theta.first(p.free.size()));
  Eigen::MatrixXd scaled(static_cast<Eigen::Index>(p.size()), m);
  for (Eigen::Index i = 0; i < scaled.rows(); ++i) {
    for (Eigen::Index k = 0; k < m; ++k) {
      scaled(i, k) =
          std::sqrt(p.weights[static_cast<std::size_t>(i)]) * l.jacobian[static_cast<std::size_t>(i * m + k)];
    }
  }
  for (Eigen::Index k = 0; k < m; ++k) {
    const double norm = scaled.col(k).norm();
    if (!(norm > 0)) return kInfinity;
    scaled.col(k) /= norm;
  }
  return squared_condition(scaled);
}

}  // namespace scalelaw::inline fit
