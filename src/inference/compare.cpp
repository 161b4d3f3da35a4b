#include "inference/compare.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/stats.hpp"
#include "fit/draws.hpp"
#include "fit/parallel.hpp"
#include "inference/refit.hpp"
#include "inference/slopes.hpp"
#include "sim/reanchor.hpp"

namespace scalelaw {
namespace {

constexpr double kPower80 = 0.8416;  // standard normal quantile of 0.8
constexpr std::size_t kFewestStudies = 40;

/// Quantile at rank q (n + 1): a further value of the same distribution lies below it with probability q.
double predictive_quantile(const std::vector<double>& x, double q) {
  const auto n = static_cast<double>(x.size());
  return quantile(x, std::clamp((q * (n + 1) - 1) / (n - 1), 0.0, 1.0));
}

/// Half the width of the central 68.3 %: the standard deviation of normal values, and less moved by far ones.
double spread(const std::vector<double>& x) {
  return (predictive_quantile(x, 0.8413) - predictive_quantile(x, 0.1587)) / 2;
}

void judge(ExponentComparison& e, const Margin& margin) {
  e.margin = margin.at(e.second);
  e.significant = e.difference_ci95.low > 0 || e.difference_ci95.high < 0;
  const bool within = e.difference_ci90.low >= -e.margin && e.difference_ci90.high <= e.margin;
  e.verdict = e.significant ? "different" : within ? "equivalent" : "inconclusive";
  e.within_margin = e.significant && within;
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

std::vector<Observation> without_highest(std::vector<Observation> points, std::int64_t count) {
  std::stable_sort(points.begin(), points.end(),
                   [](const Observation& a, const Observation& b) { return a.loss_nats < b.loss_nats; });
  points.resize(points.size() - std::min(points.size(), static_cast<std::size_t>(count)));
  return points;
}

/// Exponents and residual scale of the simulated studies that converged.
struct Simulated {
  std::vector<std::map<std::string, double>> exponents;
  std::vector<double> scales;
  std::int64_t failed = 0;
};

/// Slopes of a study as they deviate from those of the law without noise, its amplitudes refitted to that study, plus
/// `exact`, the same of the law that made it: a slope of the loss follows the amplitudes, and these follow the points,
/// so the deviation varies less than the slope. None where a part of this is missing.
std::map<std::string, double> refitted_slopes(const std::vector<Observation>& study, const Law& law, SlopeMethod method,
                                              const std::map<std::string, double>& exact) {
  std::map<std::string, double> slopes;
  const std::optional<Law> refitted = reanchor(law, study);
  if (!refitted) return slopes;
  const auto own = slopes_of(simulate_points(study, *refitted, {}, 0, 0), method);
  for (const auto& [name, value] : slopes_of(study, method)) {
    if (own.contains(name) && exact.contains(name)) slopes[name] = value - own.at(name) + exact.at(name);
  }
  return slopes;
}

/// `center`: the fit to the law's losses without noise, where each study's fit starts.
Simulated simulate_studies(const std::vector<Observation>& points, const Law& law, const PointNoise& noise,
                           const FitResult& center, SlopeMethod slopes, bool refitted, const CompareOptions& options) {
  FitOptions fit_options = options.fit;
  fit_options.drop_highest = 0;
  const auto count = static_cast<std::size_t>(options.studies);
  std::vector<std::map<std::string, double>> exponents(count);
  std::vector<double> scales(count, 1);
  const auto exact = slopes_of(simulate_points(points, law, {}, options.seed, 0), slopes);
  parallel_for(count, options.fit.threads, [&](std::size_t i) {
    const auto study = simulate_points(points, law, noise, options.seed, i);
    const FitResult result = refit_near(study, fit_options, center);
    if (!result.converged()) return;
    exponents[i] = exponents_of(result);
    exponents[i].merge(refitted ? refitted_slopes(study, law, slopes, exact) : slopes_of(study, slopes));
    if (has_loss(result)) scales[i] = residual_noise(result, study).sd;
  });
  Simulated simulated;
  for (std::size_t i = 0; i < count; ++i) {
    if (exponents[i].empty()) {
      ++simulated.failed;
    } else {
      simulated.exponents.push_back(std::move(exponents[i]));
      simulated.scales.push_back(scales[i]);
    }
  }
  return simulated;
}

ExponentComparison not_converged(const std::string& name, double first, double second) {
  ExponentComparison e;
  e.name = name;
  e.verdict = "not_converged";
  e.first = first;
  e.second = second;
  e.difference = e.detectable = std::nan("");
  e.first_ci95 = e.second_ci95 = e.difference_ci95 = e.difference_ci90 = {.low = std::nan(""), .high = std::nan("")};
  return e;
}

ExponentComparison against_studies(const std::string& name, double estimate, const FitResult& first,
                                   const Simulated& simulated, double first_scale, bool studentized) {
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

/// An estimate with its bootstrap draws, and its own interval where it is not that of the draws.
struct Bootstrapped {
  double estimate = 0;
  std::vector<double> draws;
  std::optional<Interval> ci95;
};

/// Quantiles of the differences of paired draws; none with too few draws.
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

/// The method that both sets of points allow: the same estimator on both.
SlopeMethod common_slope_method(const std::vector<Observation>& first, const std::vector<Observation>& second) {
  for (const SlopeMethod method : {SlopeMethod::isoflop, SlopeMethod::frontier}) {
    if (!slopes_of(first, method).empty() && !slopes_of(second, method).empty()) return method;
  }
  return SlopeMethod::none;
}

/// Bootstrap draws of the slopes. Along the frontier of a grid every point stands alone at its compute, and leaving
/// some out moves the frontier itself: there, and where the fit's own bootstrap is parametric, the fitted law's losses
/// with noise of the residuals' size take the place of resampled runs, each draw as it deviates from the law without
/// noise.
std::vector<std::map<std::string, double>> slope_draws(const FitResult& fit, const std::vector<Observation>& points,
                                                       SlopeMethod method, const FitOptions& options) {
  const bool parametric = has_loss(fit) && (method == SlopeMethod::frontier || fit.bootstrap.resample == "parametric");
  if (!parametric) return resampled_slopes(points, method, options.bootstrap, options.threads);
  const PointNoise noise = residual_noise(fit, points);
  const auto measured = slopes_of(points, method);
  const auto exact = slopes_of(simulate_points(points, fit.fitted, {}, 0, 0), method);
  std::vector<std::map<std::string, double>> draws(static_cast<std::size_t>(options.bootstrap.replicates));
  if (std::isnan(noise.sd)) return draws;
  parallel_for(draws.size(), options.threads, [&](std::size_t i) {
    for (const auto& [name, value] :
         slopes_of(simulate_points(points, fit.fitted, noise, options.bootstrap.seed, i), method)) {
      if (exact.contains(name) && measured.contains(name)) draws[i][name] = measured.at(name) + value - exact.at(name);
    }
  });
  return draws;
}

std::vector<double> values_named(const std::vector<std::map<std::string, double>>& all, const std::string& name) {
  std::vector<double> values;
  for (const auto& each : all) {
    if (each.contains(name)) values.push_back(each.at(name));
  }
  return values;
}

void add_not_converged(Comparison& c) {
  auto names = exponents_of(c.first_fit);
  names.merge(exponents_of(c.second_fit));
  for (const auto& [name, value] : names) c.exponents.push_back(not_converged(name, std::nan(""), std::nan("")));
}

void check_options(const CompareOptions& options) {
  if (!(options.margin.value > 0) || !std::isfinite(options.margin.value)) {
    fail_config("compare: --margin is {}; it must be positive", options.margin.value);
  }
  if (options.studies < static_cast<std::int64_t>(kFewestStudies)) {
    fail_config("compare: --studies is {}; the 2.5 % quantile needs at least {}", options.studies, kFewestStudies);
  }
}

/// Errors (config): losses that no model has.
void check_losses(const std::vector<Observation>& points, const Law& law, const CompareOptions& options) {
  double largest = 0;
  for (const Observation& point : points) largest = std::max(largest, predict_loss(law, law_point(point)));
  if (options.largest_loss > 0 && largest > options.largest_loss) {
    fail_config(
        "the law '{}' gives {:.1f} nats at these points, above ln(vocab) = {:.3g}, the loss of a model that knows "
        "nothing: its amplitudes do not hold at this scale{}",
        law.name, largest, options.largest_loss,
        options.reanchor ? " and could not be refitted to these points" : "; leave out --keep-amplitudes");
  }
}

}  // namespace

Comparison compare_with_law(const std::string& name, const std::vector<Observation>& points, const Law& law,
                            double noise, const CompareOptions& options) {
  check_options(options);
  if (law.kind == LawKind::optimal) {
    fail_config("compare: the law '{}' gives the optimal size, not a loss, so it cannot be simulated", law.name);
  }
  if (!(noise >= 0) || !std::isfinite(noise)) fail_config("compare: --noise is {}; it must be at least 0", noise);
  Comparison c;
  c.first = name;
  c.second = law.name;
  c.convention = options.fit.convention;
  c.margin = options.margin;
  c.noise_estimated = noise == 0;
  const std::vector<Observation> used = without_highest(points, options.fit.drop_highest);
  FitOptions plain = options.fit;
  plain.drop_highest = 0;
  plain.bootstrap.replicates = 0;

  Law simulated_law = law;
  if (options.reanchor) {
    if (const auto anchored = reanchor(law, used)) {
      simulated_law = *anchored;
      c.reanchored = true;
      c.notes.push_back(
          fmt::format("the exponents of {} were kept and its amplitudes refitted to these points: published "
                      "amplitudes mean nothing at another scale and on another text",
                      law.name));
    } else {
      c.notes.push_back(
          fmt::format("the amplitudes of {} could not be refitted to these points: simulated as published", law.name));
    }
  }
  if (law.convention.params != c.convention.params) {
    c.notes.push_back(fmt::format("{} counts N as {}, these points as {}: its exponents hold for its own count",
                                  law.name, law.convention.params, c.convention.params));
  }

  check_losses(used, simulated_law, options);
  c.first_fit = fit(points, options.fit);
  c.second_fit = fit(simulate_points(used, simulated_law, {}, options.seed, 0), plain);
  if (!c.first_fit.converged()) {
    c.notes.push_back(
        fmt::format("the fit of {} did not converge (status {}): no comparison", name, c.first_fit.convergence.status));
    add_not_converged(c);
    return c;
  }
  PointNoise point_noise{.sd = noise};
  if (c.noise_estimated) point_noise = estimated_noise(c.first_fit, used, plain);
  c.noise = point_noise.sd;
  c.group_share = point_noise.group_share;

  const SlopeMethod slopes = slope_method(used);
  const Simulated simulated =
      simulate_studies(used, simulated_law, point_noise, c.second_fit, slopes, c.reanchored, options);
  c.studies = static_cast<std::int64_t>(simulated.exponents.size());
  c.failed = simulated.failed;
  if (simulated.exponents.size() < kFewestStudies) {
    c.notes.push_back(
        fmt::format("only {} of {} simulated studies gave a converged fit: no comparison", c.studies, options.studies));
    add_not_converged(c);
    return c;
  }
  auto estimates = exponents_of(c.first_fit);
  estimates.merge(slopes_of(used, slopes));
  for (const auto& [exponent, value] : estimates) {
    ExponentComparison e =
        against_studies(exponent, value, c.first_fit, simulated, c.noise, c.noise_estimated && has_loss(c.first_fit));
    if (e.verdict.empty()) judge(e, c.margin);
    c.exponents.push_back(e);
  }
  return c;
}

Comparison compare_observations(const std::string& first, const std::vector<Observation>& first_points,
                                const std::string& second, const std::vector<Observation>& second_points,
                                const CompareOptions& options) {
  check_options(options);
  Comparison c;
  c.first = first;
  c.second = second;
  c.convention = options.fit.convention;
  c.margin = options.margin;
  FitOptions first_options = options.fit;
  if (first_options.bootstrap.replicates == 0) first_options.bootstrap.replicates = options.studies;
  FitOptions second_options = first_options;
  second_options.bootstrap.seed = first_options.bootstrap.seed + 1;  // the two resamplings are independent
  c.first_fit = fit(first_points, first_options);
  c.second_fit = fit(second_points, second_options);
  c.studies = std::min(static_cast<std::int64_t>(c.first_fit.bootstrap.draws.size()),
                       static_cast<std::int64_t>(c.second_fit.bootstrap.draws.size()));
  c.failed = c.first_fit.bootstrap.failed + c.second_fit.bootstrap.failed;
  for (const FitResult* fit : {&c.first_fit, &c.second_fit}) {
    if (!fit->converged()) {
      c.notes.push_back(fmt::format("the fit of {} did not converge (status {}): no comparison",
                                    fit == &c.first_fit ? first : second, fit->convergence.status));
    }
  }
  if (!c.first_fit.converged() || !c.second_fit.converged()) {
    add_not_converged(c);
    return c;
  }
  const double tail = std::min(interval_tail(c.first_fit), interval_tail(c.second_fit));
  const auto second_exponents = exponents_of(c.second_fit);
  for (const auto& [name, value] : exponents_of(c.first_fit)) {
    if (!second_exponents.contains(name)) continue;
    const auto e =
        paired(name, {value, draws_of(c.first_fit, name), bootstrap_interval(c.first_fit, name)},
               {second_exponents.at(name), draws_of(c.second_fit, name), bootstrap_interval(c.second_fit, name)}, tail);
    if (e) c.exponents.push_back(*e);
  }
  const SlopeMethod method = common_slope_method(first_points, second_points);
  const auto first_slopes = slopes_of(first_points, method), second_slopes = slopes_of(second_points, method);
  const auto first_draws = slope_draws(c.first_fit, first_points, method, first_options);
  const auto second_draws = slope_draws(c.second_fit, second_points, method, second_options);
  for (const auto& [name, value] : first_slopes) {
    const auto e = paired(name, {value, values_named(first_draws, name), {}},
                          {second_slopes.at(name), values_named(second_draws, name), {}}, 0.025);
    if (e) c.exponents.push_back(*e);
  }
  for (ExponentComparison& e : c.exponents) judge(e, c.margin);
  c.multipliers = compute_multipliers(
      c.first_fit, c.second_fit, options.flops.empty() ? multiplier_budgets(c.first_fit, c.second_fit) : options.flops);
  if (c.exponents.empty()) {
    c.notes.push_back("too few bootstrap refits converged on one of the two sources: no comparison");
    add_not_converged(c);
  }
  return c;
}

}  // namespace scalelaw
