#include "inference/exponents.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "law/optimum.hpp"

namespace scalelaw::inline inference {

std::map<std::string, double> exponents_of(const Law& law) {
  std::map<std::string, double> exponents;
  const LawForm& form = law.form();
  for (const std::size_t k : form.of_role(Role::exponent)) exponents[form.parameters[k]] = law.values[k];
  if (const auto allocation = allocation_exponents(law)) {
    exponents["a"] = allocation->a;
    exponents["b"] = allocation->b;
  }
  if (form.frontier != nullptr) exponents["frontier"] = form.frontier(law.values);
  return exponents;
}

std::map<std::string, double> exponents_of(const FitResult& fit) {
  std::map<std::string, double> exponents;
  if (!fit.fitted.values.empty()) exponents = exponents_of(fit.fitted);
  for (const char* name : {"a", "b"}) {
    const auto it = fit.derived.find(name);
    if (it != fit.derived.end()) exponents[name] = it->second;
  }
  return exponents;
}

PointNoise residual_noise(const FitResult& fit, const std::vector<Observation>& points) {
  SCALELAW_CHECK(!fit.fitted.values.empty(), "the fit has no constants");
  const auto n = static_cast<double>(points.size());
  const auto constants = static_cast<double>(fit.fitted.values.size());
  if (n <= constants) return {.sd = std::nan("")};

  double absolute = 0, square = 0;
  std::map<std::string, std::vector<double>> groups;
  for (const Observation& point : points) {
    const double residual = std::log(point.loss_nats / predict_loss(fit.fitted, law_point(point)));
    absolute += std::abs(residual);
    square += residual * residual;
    if (!point.group.empty()) groups[point.group].push_back(residual);
  }
  double product = 0, pairs = 0;
  for (const auto& [group, residuals] : groups) {
    for (std::size_t i = 0; i < residuals.size(); ++i) {
      for (std::size_t j = i + 1; j < residuals.size(); ++j) {
        product += residuals[i] * residuals[j];
        ++pairs;
      }
    }
  }
  PointNoise noise;
  noise.sd = std::sqrt(std::numbers::pi / 2) * absolute / (n - constants);
  if (pairs > 0 && square > 0) noise.group_share = std::clamp(product / pairs / (square / n), 0.0, 0.95);
  return noise;
}

bool has_loss(const FitResult& fit) { return !fit.fitted.values.empty() && !fit.fitted.form().predicts_size; }

PointNoise estimated_noise(const FitResult& fit, const std::vector<Observation>& points, FitOptions options) {
  if (has_loss(fit)) return residual_noise(fit, points);
  options.method = Method::parametric;
  options.law = LawKind::chinchilla;
  options.profile = false;
  const FitResult law = scalelaw::fit_points(points, options);
  if (!law.converged()) {
    fail_config(
        "compare: the method '{}' leaves no residuals to estimate the noise from, and a fit of a law is {}; "
        "give --noise",
        fit.method(), law.convergence.status);
  }
  return residual_noise(law, points);
}

}  // namespace scalelaw::inline inference
