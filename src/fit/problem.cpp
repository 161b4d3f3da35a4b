#include "fit/problem.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/ranges.h>

namespace scalelaw {
namespace {

bool fast(const Problem& p) { return p.law == LawKind::chinchilla; }

// A power law with X and alpha free: its first coordinate is ln of its value at the mean of ln of the variable, which
// makes ln of the power linear in both.
bool centred_power(const Problem& p) {
  const bool power = is_power_law(p.law);
  return power && !p.tie && !p.fixed[0] && !p.fixed[1];
}

// Of each point what the law looks at.
void check_point(const Observation& o, std::size_t i, LawKind law) {
  const std::string where = o.run.empty() ? fmt::format("observation {}", i + 1) : fmt::format("run {}", o.run);
  const auto positive = [&](double x, const char* what) {
    if (!(x > 0) || !std::isfinite(x))
      fail_data("{}: {} is {}; a fit needs positive finite numbers, remove the point", where, what, x);
  };
  const bool n = law == LawKind::power_n, d = law == LawKind::power_d, c = law == LawKind::power_c;
  if (!d && !c) positive(o.params, "params");
  if (!n && !c) positive(o.tokens, "tokens");
  if (!n && !d) positive(o.flops, "flops");
  positive(o.loss_nats, "loss");
  if (!(o.weight >= 0) || !std::isfinite(o.weight))
    fail_data("{}: weight is {}; it must be 0 or more", where, o.weight);
}

void set_fixed(Problem& p, const std::map<std::string, double>& fixed) {
  const LawInfo& info = law_info(p.law);
  p.values.assign(info.parameters.size(), 1.0);
  p.fixed.assign(info.parameters.size(), false);
  for (const auto& [name, value] : fixed) {
    const auto it = std::ranges::find(info.parameters, name);
    if (it == info.parameters.end()) {
      const std::string near = nearest_word(name, info.parameters);
      fail_config("--fix {}: the law {} has no such parameter{}; it has {}", name, info.name,
                  near.empty() ? "" : fmt::format(" (did you mean {}?)", near), fmt::join(info.parameters, ", "));
    }
    if (!std::isfinite(value) || value < 0 || (value == 0 && name != "E")) {
      fail_config("--fix {}={}: must be positive and finite{}", name, value, name == "E" ? " (or 0)" : "");
    }
    const auto k = static_cast<std::size_t>(it - info.parameters.begin());
    p.values[k] = value;
    p.fixed[k] = true;
  }
  for (std::size_t k = 0; k < p.fixed.size(); ++k) {
    if (!p.fixed[k] && !(p.tie && p.tie->to == k)) p.free.push_back(k);
  }
  if (p.free.empty()) fail_config("--fix leaves no parameter of the law {} to fit", info.name);
}

void set_surface(Problem& p) {
  const std::size_t n = p.size(), padded = surface_padded(n);
  double x = 0, y = 0;
  for (const LawPoint& point : p.points) {
    x += std::log(point.params) / static_cast<double>(n);
    y += std::log(point.tokens) / static_cast<double>(n);
  }
  p.log_params_center = p.fixed[1] ? 0 : x;
  p.log_tokens_center = p.fixed[2] ? 0 : y;
  p.surface.log_params.assign(padded, x - p.log_params_center);
  p.surface.log_tokens.assign(padded, y - p.log_tokens_center);
  p.surface.loss.assign(padded, p.observed.front());
  for (std::size_t i = 0; i < n; ++i) {
    p.surface.log_params[i] = std::log(p.points[i].params) - p.log_params_center;
    p.surface.log_tokens[i] = std::log(p.points[i].tokens) - p.log_tokens_center;
    p.surface.loss[i] = p.observed[i];
  }
  p.surface.inverse_loss.resize(padded);
  for (std::size_t i = 0; i < padded; ++i) p.surface.inverse_loss[i] = 1 / p.surface.loss[i];
}

// Amplitudes may fall to e^-12 of the smallest loss before they count as vanished; exponents lie in 0 .. 5.
void set_bounds(Problem& p) {
  const auto [least, most] = std::ranges::minmax(p.observed);
  for (std::size_t i = 0; i < p.free.size(); ++i) {
    const std::string& name = law_info(p.law).parameters[p.free[i]];
    const bool amplitude = (fast(p) && (name == "A" || name == "B")) || (centred_power(p) && name == "X");
    if (!is_log_parameter(name)) {
      p.lower[i] = fast(p) ? 0 : 1e-4;
      p.upper[i] = p.tie && p.tie->from == p.free[i] ? 5 / std::max(p.tie->factor, 1.0) : 5;
      p.max_step[i] = 0.5;
    } else if (name == "E" || amplitude) {
      p.lower[i] = std::log(least) - 12;
      p.upper[i] = std::log(most) + (amplitude ? 1 : 0);
      p.max_step[i] = 2;
    } else {
      const bool decay = name == "R_D" || name == "R_N";
      p.lower[i] = decay ? std::log(1e-3) : -200;
      p.upper[i] = decay ? std::log(1e6) : 400;
      p.max_step[i] = decay ? 1 : 4;
    }
    p.start_lower[i] = p.lower[i];
    if (name == "E" || amplitude) p.start_lower[i] = std::log(least) - 4;
    if (fast(p) && !is_log_parameter(name)) p.start_lower[i] = 0.02;
  }
}

SurfaceTheta surface_theta(const Problem& p, std::span<const double> theta) {
  SurfaceTheta full{};
  for (std::size_t j = 0; j < 5; ++j) {
    full[j] = p.fixed[j] ? (is_log_parameter(law_info(p.law).parameters[j]) ? std::log(p.values[j]) : p.values[j]) : 0;
  }
  for (std::size_t k = 0; k < p.free.size(); ++k) full[p.free[k]] = theta[k];
  if (p.tie) full[p.tie->to] = p.tie->factor * full[p.tie->from];
  return full;
}

Linearised linearise_fast(const Problem& p, std::span<const double> theta, bool with_jacobian) {
  const std::size_t m = p.free.size();
  const SurfaceTheta full = surface_theta(p, theta);
  const bool logs = p.objective.kind != ObjectiveKind::mse;
  const double constant = std::exp(full[0]);
  Linearised out;
  out.residual.resize(p.size());
  out.jacobian.resize(with_jacobian ? p.size() * m : 0);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double x = p.surface.log_params[i], y = p.surface.log_tokens[i];
    const double a = std::exp(full[1] - full[3] * x), b = std::exp(full[2] - full[4] * y);
    const double predicted = constant + a + b;
    out.residual[i] = logs ? std::log(predicted / p.observed[i]) : predicted - p.observed[i];
    if (!with_jacobian) continue;
    const SurfaceTheta slope = {constant, a, b, -a * x, -b * y};
    for (std::size_t k = 0; k < m; ++k) out.jacobian[i * m + k] = slope[p.free[k]] / (logs ? predicted : 1.0);
  }
  return out;
}

void evaluate_fast(const Problem& p, std::span<const double> weights, double delta, bool second_order,
                   std::span<const double> theta, LocalModel& at) {
  const SurfaceTheta full = surface_theta(p, theta);
  SurfaceSums sums;
  const bool logs = p.objective.kind != ObjectiveKind::mse;
  surface_sums(p.surface, weights, full, logs, delta, second_order, sums);
  at.value = sums.value;
  if (p.tie) {
    // Chain rule: the gradient and the Hessian along `from` take in those along `to`.
    const auto [from, to, factor] = *p.tie;
    sums.gradient[from] += factor * sums.gradient[to];
    for (std::size_t j = 0; j < 5; ++j) sums.hessian[from][j] += factor * sums.hessian[to][j];
    for (std::size_t i = 0; i < 5; ++i) sums.hessian[i][from] += factor * sums.hessian[i][to];
  }
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    at.gradient[k] = sums.gradient[p.free[k]];
    for (std::size_t l = 0; l < p.free.size(); ++l) at.hessian[k][l] = sums.hessian[p.free[k]][p.free[l]];
  }
}

// ln of the variable of a power law.
double log_variable(const Problem& p, std::size_t i) {
  const LawPoint& point = p.points[i];
  return std::log(p.law == LawKind::power_n ? point.params : p.law == LawKind::power_d ? point.tokens : point.flops);
}

// E + A' e^(-alpha x), x = ln of the variable from its mean: residuals and Jacobian, and sum psi d2 r added to a
// Hessian.
Linearised linearise_power(const Problem& p, std::span<const double> theta, bool with_jacobian,
                           std::span<const double> psi = {}, LocalModel* at = nullptr) {
  const std::size_t m = p.free.size();
  const bool logs = p.objective.kind != ObjectiveKind::mse;
  const double offset = m > 2 ? std::exp(theta[2]) : p.values[2];
  Linearised out;
  out.residual.resize(p.size());
  out.jacobian.resize(with_jacobian ? p.size() * m : 0);
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double x = log_variable(p, i) - p.log_params_center, power = std::exp(theta[0] - theta[1] * x);
    const double predicted = offset + power, unit = logs ? 1 / predicted : 1;
    out.residual[i] = logs ? std::log(predicted / p.observed[i]) : predicted - p.observed[i];
    const std::array<double, 3> g = {power, -x * power, offset};
    for (std::size_t k = 0; with_jacobian && k < m; ++k) out.jacobian[i * m + k] = g[k] * unit;
    if (!at) continue;
    const std::array<std::array<double, 3>, 3> h = {
        {{power, -x * power, 0}, {-x * power, x * x * power, 0}, {0, 0, offset}}};
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t j = 0; j < m; ++j) {
        at->hessian[k][j] += psi[i] * unit * (h[k][j] - (logs ? g[k] * g[j] * unit : 0));
      }
    }
  }
  return out;
}

// Any law: Gauss-Newton part from the analytic gradient, second-order part sum psi * d2 r from central differences of
// it.
void evaluate_any(const Problem& p, std::span<const double> weights, double delta, bool second_order,
                  std::span<const double> theta, LocalModel& at) {
  const std::size_t m = p.free.size();
  const Linearised l = linearise(p, theta);
  const bool logs = p.objective.kind != ObjectiveKind::mse;
  at = LocalModel{};
  std::vector<double> psi(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double r = l.residual[i], clipped = logs ? std::clamp(r, -delta, delta) : r;
    psi[i] = weights[i] * clipped;
    at.value += psi[i] * (r - 0.5 * clipped);
    const double curved = clipped == r ? weights[i] : 0.0;
    for (std::size_t k = 0; k < m; ++k) {
      at.gradient[k] += psi[i] * l.jacobian[i * m + k];
      for (std::size_t j = 0; j < m; ++j) at.hessian[k][j] += curved * l.jacobian[i * m + k] * l.jacobian[i * m + j];
    }
  }
  if (!second_order || !std::isfinite(at.value)) return;
  if (centred_power(p)) {
    (void)linearise_power(p, theta, false, psi, &at);
    return;
  }
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

}  // namespace

bool is_log_parameter(const std::string& name) {
  return !(name.starts_with("alpha") || name == "beta" || name == "eta" || name == "exponent");
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
    check_point(o, i, law);
    p.points.push_back(law_point(o));
    p.observed.push_back(law == LawKind::optimal ? o.params : o.loss_nats);
    p.weights.push_back(o.weight);
  }
  if (p.observed.empty()) return p;
  p.weights.resize(surface_padded(p.size()), 0.0);
  if (fast(p)) set_surface(p);
  if (centred_power(p)) {
    for (std::size_t i = 0; i < p.size(); ++i) {
      p.log_params_center += log_variable(p, i) / static_cast<double>(p.size());
    }
  }
  set_bounds(p);
  return p;
}

Vector start_from(const Problem& p, const std::vector<double>& values) {
  Vector theta{};
  const auto& names = law_info(p.law).parameters;
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const std::size_t j = p.free[k];
    theta[k] = is_log_parameter(names[j]) ? std::log(std::max(values[j], 1e-300)) : values[j];
    if (fast(p) && (j == 1 || j == 2)) {
      double exponent = p.fixed[j + 2] ? p.values[j + 2] : values[j + 2];
      if (p.tie && p.tie->to == j + 2) exponent = p.tie->factor * values[p.tie->from];
      theta[k] -= exponent * (j == 1 ? p.log_params_center : p.log_tokens_center);
    }
    if (centred_power(p) && j == 0) theta[k] = values[1] * (theta[k] - p.log_params_center);
    theta[k] = std::clamp(theta[k], p.start_lower[k], p.upper[k]);
  }
  return theta;
}

std::vector<double> natural_values(const Problem& p, std::span<const double> theta) {
  const auto& names = law_info(p.law).parameters;
  std::vector<double> values = p.values;
  for (std::size_t k = 0; k < p.free.size(); ++k) {
    const std::size_t j = p.free[k];
    values[j] = is_log_parameter(names[j]) ? std::exp(theta[k]) : theta[k];
  }
  if (p.tie) values[p.tie->to] = p.tie->factor * values[p.tie->from];
  if (centred_power(p)) values[0] = std::exp(std::clamp(theta[0] / theta[1] + p.log_params_center, -690.0, 690.0));
  if (fast(p)) {
    if (!p.fixed[1]) values[1] *= std::exp(values[3] * p.log_params_center);
    if (!p.fixed[2]) values[2] *= std::exp(values[4] * p.log_tokens_center);
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

Linearised linearise(const Problem& p, std::span<const double> theta, bool with_jacobian) {
  const std::size_t m = p.free.size();
  const auto& names = law_info(p.law).parameters;
  const Law law{.kind = p.law, .values = natural_values(p, theta), .name = "", .source = "", .convention = {}};
  const bool logs = p.objective.kind != ObjectiveKind::mse;
  Linearised out;
  out.residual.resize(p.size());
  out.jacobian.resize(with_jacobian ? p.size() * m : 0);
  if (fast(p) && !p.tie) return linearise_fast(p, theta, with_jacobian);
  if (centred_power(p)) return linearise_power(p, theta, with_jacobian);
  std::vector<double> gradient(law.values.size());
  const auto slope = [&](std::size_t j) {
    double d = gradient[j] * (is_log_parameter(names[j]) ? law.values[j] : 1.0);
    // The amplitude at the centre stays while the exponent moves, so A moves with it.
    if (fast(p) && j == 3 && !p.fixed[1]) d += gradient[1] * law.values[1] * p.log_params_center;
    if (fast(p) && j == 4 && !p.fixed[2]) d += gradient[2] * law.values[2] * p.log_tokens_center;
    return d;
  };
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double predicted = predict_loss(law, p.points[i]);
    out.residual[i] = logs ? std::log(predicted / p.observed[i]) : predicted - p.observed[i];
    if (!with_jacobian) continue;
    loss_gradient(law, p.points[i], gradient);
    for (std::size_t k = 0; k < m; ++k) {
      double d = slope(p.free[k]);
      if (p.tie && p.tie->from == p.free[k]) d += p.tie->factor * slope(p.tie->to);
      out.jacobian[i * m + k] = logs ? d / predicted : d;
    }
  }
  return out;
}

void evaluate(const Problem& p, std::span<const double> weights, double delta, bool second_order,
              std::span<const double> theta, LocalModel& at) {
  if (fast(p)) {
    evaluate_fast(p, weights, delta, second_order, theta, at);
  } else {
    evaluate_any(p, weights, delta, second_order, theta, at);
  }
}

std::vector<double> residuals(const Problem& p, std::span<const double> theta) {
  if (!fast(p)) return linearise(p, theta.first(p.free.size()), false).residual;
  const SurfaceTheta full = surface_theta(p, theta);
  std::vector<double> r(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double predicted = std::exp(full[0]) + std::exp(full[1] - full[3] * p.surface.log_params[i]) +
                             std::exp(full[2] - full[4] * p.surface.log_tokens[i]);
    r[i] = p.objective.kind == ObjectiveKind::mse ? predicted - p.observed[i] : std::log(predicted / p.observed[i]);
  }
  return r;
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
  const Eigen::VectorXd singular = scaled.jacobiSvd().singularValues();
  const double ratio = singular(0) / singular(m - 1);
  return singular(m - 1) > 0 ? ratio * ratio : kInfinity;
}

}  // namespace scalelaw
