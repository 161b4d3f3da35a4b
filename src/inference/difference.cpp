#include "inference/difference.hpp"

#include <algorithm>
#include <cmath>

#include "core/stats.hpp"
#include "fit/draws.hpp"
#include "inference/exponents.hpp"

namespace scalelaw::inline inference {
namespace {

constexpr double kPower80 = 0.8416;  // standard normal quantile of 0.8

/// Quantile at rank q (n + 1): a further value of the same distribution lies below it with probability q.
double predictive_quantile(const std::vector<double>& x, double q) {
  const auto n = static_cast<double>(x.size());
  return quantile(x, std::clamp((q * (n + 1) - 1) / (n - 1), 0.0, 1.0));
}

/// Half the width of the central 68.3 %: the standard deviation of normal values, and less moved by far ones.
double spread(const std::vector<double>& x) {
  return (predictive_quantile(x, 0.8413) - predictive_quantile(x, 0.1587)) / 2;
}

/// Values of one exponent over the bootstrap draws of a fit.
std::vector<double> draws_of(const FitResult& fit, const std::string& name) {
  std::vector<double> values;
  Law law = fit.fitted;
  for (const std::vector<double>& draw : fit.bootstrap.draws) {
    law.values = draw;
    const auto exponents = exponents_of(law);
    const auto it = exponents.find(name);
    if (it != exponents.end()) values.push_back(it->second);
  }
  return values;
}

/// The fit's own 95 % interval of an exponent; none without enough draws.
std::optional<Interval> bootstrap_interval(const FitResult& fit, const std::string& name) {
  const BootstrapResult& b = fit.bootstrap;
  if (b.draws.size() < kFewestStudies) return std::nullopt;
  if (b.ci95.contains(name)) return b.ci95.at(name);
  if (b.derived_ci95.contains(name)) return b.derived_ci95.at(name);
  const std::vector<double> draws = draws_of(fit, name);
  if (draws.size() < kFewestStudies) return std::nullopt;  // a slope, which the fit knows nothing of
  return draws_interval(draws, interval_tail(fit));
}

}  // namespace

Bootstrapped bootstrapped(const FitResult& fit, const std::string& name, double estimate) {
  return {.estimate = estimate, .draws = draws_of(fit, name), .ci95 = bootstrap_interval(fit, name)};
}

void give_verdict(ExponentComparison& e, const Margin& margin) {
  e.margin = margin.at(e.second);
  e.significant = e.difference_ci95.low > 0 || e.difference_ci95.high < 0;
  const bool within = e.difference_ci90.low >= -e.margin && e.difference_ci90.high <= e.margin;
  e.verdict = e.significant ? Verdict::different : within ? Verdict::equivalent : Verdict::inconclusive;
  e.within_margin = e.significant && within;
}

ExponentComparison not_converged(const std::string& name, double first, double second) {
  ExponentComparison e;
  e.name = name;
  e.verdict = Verdict::not_converged;
  e.first = first;
  e.second = second;
  e.difference = e.detectable = std::nan("");
  e.first_ci95 = e.second_ci95 = e.difference_ci95 = e.difference_ci90 = {.low = std::nan(""), .high = std::nan("")};
  return e;
}

ExponentComparison against_studies(const std::string& name, double estimate, const FitResult& first,
                                   const SimulatedStudies& simulated, double first_scale, bool studentized) {
  std::vector<double> values, scales;
  for (std::size_t i = 0; i < simulated.exponents.size(); ++i) {
    const auto it = simulated.exponents[i].find(name);
    if (it == simulated.exponents[i].end()) continue;
    values.push_back(it->second);
    scales.push_back(simulated.scales[i]);
  }
  // Where few studies give a value, those that do are a selection of them.
  if (values.size() < std::max(kFewestStudies, simulated.exponents.size() / 2)) {
    return not_converged(name, estimate, values.empty() ? std::nan("") : quantile(values, 0.5));
  }
  ExponentComparison e;
  e.name = name;
  e.first = estimate;
  e.second = quantile(values, 0.5);
  e.second_ci95 = {.low = predictive_quantile(values, 0.025), .high = predictive_quantile(values, 0.975)};
  e.difference = e.first - e.second;

  std::vector<double> pivots;
  for (std::size_t i = 0; i < values.size(); ++i) {
    pivots.push_back((values[i] - e.second) * (studentized ? first_scale / scales[i] : 1));
  }
  const auto interval = [&](double around, double tail) {
    return Interval{.low = around - predictive_quantile(pivots, 1 - tail),
                    .high = around - predictive_quantile(pivots, tail)};
  };
  e.difference_ci95 = interval(e.difference, 0.025);
  e.difference_ci90 = interval(e.difference, 0.05);
  e.detectable = (e.difference_ci95.high - e.difference_ci95.low) / 2 + kPower80 * spread(pivots);

  e.first_ci95 = bootstrap_interval(first, name).value_or(interval(e.first, 0.025));
  return e;
}

std::optional<ExponentComparison> paired(const std::string& name, const Bootstrapped& a, const Bootstrapped& b,
                                         double tail) {
  const std::size_t count = std::min(a.draws.size(), b.draws.size());
  if (count < kFewestStudies) return std::nullopt;
  ExponentComparison e;
  e.name = name;
  e.first = a.estimate;
  e.second = b.estimate;
  e.difference = e.first - e.second;
  e.first_ci95 = a.ci95.value_or(draws_interval(a.draws, tail));
  e.second_ci95 = b.ci95.value_or(draws_interval(b.draws, tail));
  std::vector<double> differences;
  for (std::size_t i = 0; i < count; ++i) differences.push_back(a.draws[i] - b.draws[i]);
  e.difference_ci95 = draws_interval(differences, tail);
  e.difference_ci90 = draws_interval(differences, 2 * tail);
  e.detectable = (e.difference_ci95.high - e.difference_ci95.low) / 2 + kPower80 * spread(differences);
  return e;
}

}  // namespace scalelaw::inline inference
