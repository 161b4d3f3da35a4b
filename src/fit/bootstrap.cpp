#include "fit/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "core/stats.hpp"
#include "fit/evaluate.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline fit {
namespace {

// The (R + 1) p-th of R draws in order: a value drawn as they were falls below it with probability p (Davison and
// Hinkley 1997, Bootstrap Methods, sec. 5.2). The sample's own quantile lies further in, at 200 draws by a fifth of a
// tail of 2.5 %.
double draws_quantile(std::span<const double> sorted, double p) {
  const auto r = static_cast<double>(sorted.size());
  return sorted_quantile(sorted, std::clamp(p * (r + 1) - 1, 0.0, r - 1) / (r - 1));
}

Interval interval(std::span<const double> sorted, double level, std::int64_t freedom) {
  double tail = (1 - level) / 2;
  if (freedom > 0) tail = normal_cdf(student_quantile(tail, static_cast<double>(freedom)));
  return {draws_quantile(sorted, tail), draws_quantile(sorted, 1 - tail)};
}

// Noise of ln loss where no seeds show it: a robust scale of the fit's residuals. A fit whose
// residuals lie mostly in the linear part of Huber's function passes through about as many points as it has parameters;
// their residuals of 0 say nothing of the noise and are left out of the median (Maronna, Martin and Yohai 2006, Robust
// Statistics, sec. 4.4). Least squares spreads the parameters over all residuals instead.
NoiseModel noise_of_residuals(const Problem& p, const Law& law) {
  std::vector<double> size;
  for (std::size_t i = 0; i < p.size(); ++i) {
    size.push_back(std::abs(std::log(predict_loss(law, p.points[i]) / p.observed[i])));
  }
  const std::size_t fitted = std::min(p.free.size(), size.size() - 1);
  const auto freedom = static_cast<std::int64_t>(size.size() - fitted);
  const bool huber = p.objective.kind == ObjectiveKind::log_huber;
  return {.sd = robust_scatter(std::move(size), p.free.size(), huber), .at_loss = 1, .slope = 0, .freedom = freedom};
}

Refit finished(const Problem& p, std::span<const double> weights, const Solution& s) {
  Refit out;
  if (s.status == NewtonStatus::stalled || s.status == NewtonStatus::diverged) return out;
  out.status = s.status == NewtonStatus::converged ? RefitStatus::ok : RefitStatus::at_bound;
  out.values = natural_values(p, s.theta);
  out.derived = derived_quantities(p, weights, out.values);
  return out;
}

}  // namespace

Resample resolved_resample(Resample resample, Method method, const std::vector<Observation>& points) {
  if (resample != Resample::automatic) return resample;
  if (method == Method::isoflop) return Resample::parametric;
  const SharedUnits shared = shared_units(points);
  const bool sizes = shared.any_shape() && shared.shapes >= kFewestGroups;
  if (method == Method::parametric && points.size() <= kFewRuns && (sizes || shared.any_trunk())) {
    return Resample::components;
  }
  const std::vector<std::size_t> units = resampling_units(points, Resample::groups);
  const std::size_t count = units.empty() ? 0 : *std::ranges::max_element(units) + 1;
  if (count < points.size() && count >= kFewestGroups) return Resample::groups;
  constexpr std::size_t kManyRuns = 60;
  return method == Method::parametric && points.size() < kManyRuns ? Resample::parametric : Resample::runs;
}

std::vector<std::size_t> resampling_units(const std::vector<Observation>& points, Resample resample) {
  if (resample == Resample::shapes) return shared_units(points).shape;
  std::map<std::string, std::size_t> known;
  std::vector<std::size_t> units;
  std::size_t next = 0;
  for (const Observation& o : points) {
    if (resample == Resample::groups && !o.group.empty()) {
      const auto [it, fresh] = known.emplace(o.group, next);
      units.push_back(it->second);
      if (!fresh) continue;
    } else {
      units.push_back(next);
    }
    ++next;
  }
  return units;
}

std::vector<double> multiplicities(const std::vector<std::size_t>& units, const std::vector<std::size_t>& strata,
                                   std::uint64_t seed, std::int64_t replicate) {
  Rng rng = make_rng(seed, "bootstrap", static_cast<std::uint64_t>(replicate));
  const std::size_t count = units.empty() ? 0 : *std::ranges::max_element(units) + 1;
  std::vector<double> drawn(count, 0.0);
  if (strata.empty()) {
    for (std::size_t i = 0; i < count; ++i) drawn[uniform_below(rng, count)] += 1;
  } else {
    std::map<std::size_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < units.size(); ++i) {
      auto& list = members[strata[i]];
      if (std::ranges::find(list, units[i]) == list.end()) list.push_back(units[i]);
    }
    for (const auto& [stratum, list] : members) {
      for (std::size_t i = 0; i < list.size(); ++i) drawn[list[uniform_below(rng, list.size())]] += 1;
    }
  }
  std::vector<double> out;
  for (const std::size_t u : units) out.push_back(drawn[u]);
  return out;
}

BootstrapResult run_bootstrap(const BootstrapOptions& options, int threads, const std::vector<std::string>& names,
                              std::int64_t freedom, const std::function<Refit(std::int64_t)>& refit) {
  BootstrapResult result;
  result.resample = options.resample;
  result.replicates = options.replicates;
  result.seed = options.seed;
  std::vector<Refit> refits(static_cast<std::size_t>(options.replicates));
  parallel_for(refits.size(), threads, [&](std::size_t i) { refits[i] = refit(static_cast<std::int64_t>(i)); });
  std::erase_if(refits, [&](const Refit& r) {
    if (r.status == RefitStatus::failed) ++result.failed;
    if (r.status == RefitStatus::at_bound) ++result.at_bound;
    return r.status == RefitStatus::failed;
  });
  const auto keep_draws = [&] {
    for (Refit& r : refits) result.draws.push_back(std::move(r.values));
  };
  if (refits.size() < 2) {
    keep_draws();
    return result;
  }
  // Gathering and sorting the draws of a quantity takes as long as some hundred refits: each is a task of its own.
  struct Summary {
    double se = 0;
    Interval ci95, ci80;
  };
  std::vector<std::string> derived;
  for (const auto& [name, x] : refits.front().derived) derived.push_back(name);
  std::vector<Summary> summaries(names.size() + derived.size());
  parallel_for(summaries.size(), threads, [&](std::size_t i) {
    std::vector<double> draws;
    draws.reserve(refits.size());
    for (const Refit& r : refits) {
      draws.push_back(i < names.size() ? r.values[i] : r.derived.at(derived[i - names.size()]));
    }
    summaries[i].se = standard_deviation(draws);
    std::ranges::sort(draws);
    summaries[i].ci95 = interval(draws, 0.95, freedom);
    summaries[i].ci80 = interval(draws, 0.80, freedom);
  });
  for (std::size_t i = 0; i < summaries.size(); ++i) {
    const bool own = i < names.size();
    const std::string& name = own ? names[i] : derived[i - names.size()];
    (own ? result.se : result.derived_se)[name] = summaries[i].se;
    (own ? result.ci95 : result.derived_ci95)[name] = summaries[i].ci95;
    (own ? result.ci80 : result.derived_ci80)[name] = summaries[i].ci80;
  }
  keep_draws();
  return result;
}

Solution resolve(const Problem& p, std::span<const double> weights, const Vector& theta) {
  Solution warm = solve(p, weights, theta, {.warm = true, .rescue = false, .polish = false});
  if (warm.status == NewtonStatus::converged) return warm;
  const Solution cold = solve(p, weights, theta, {.warm = false, .polish = false, .max_evaluations = 2000});
  const bool better = cold.status == NewtonStatus::converged || warm.status == NewtonStatus::stalled;
  return better ? cold : warm;
}

FitResiduals residuals_of_fit(const Problem& p, std::span<const double> theta) {
  const Linearised at = linearise(p, theta);
  const bool logs = p.objective.kind != ObjectiveKind::mse;
  const std::size_t m = p.free.size();
  FitResiduals out{.log_residual = at.residual, .log_jacobian = at.jacobian, .log_predicted = {}, .used = {}};
  std::vector<double> size;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double predicted = logs ? p.observed[i] * std::exp(at.residual[i]) : p.observed[i] + at.residual[i];
    out.log_predicted.push_back(std::log(predicted));
    if (!logs) {
      out.log_residual[i] = std::log(predicted / p.observed[i]);
      for (std::size_t k = 0; k < m; ++k) out.log_jacobian[i * m + k] /= predicted;
    }
    if (p.weights[i] > 0) size.push_back(std::abs(out.log_residual[i]));
  }
  const double limit = outlier_limit(size.size(), m, size.size()) *
                       robust_scatter(size, m, p.objective.kind == ObjectiveKind::log_huber);
  for (std::size_t i = 0; i < p.size(); ++i) {
    out.used.push_back(p.weights[i] > 0 && std::abs(out.log_residual[i]) <= limit);
  }
  return out;
}

Problem with_losses(Problem p, const std::vector<double>& losses) {
  p.observed = losses;
  for (std::size_t k = 0; k < losses.size() && !p.surface.loss.empty(); ++k) {
    p.surface.loss[k] = losses[k];
    p.surface.inverse_loss[k] = 1 / losses[k];
  }
  return p;
}

std::vector<double> noisy_losses(const std::vector<double>& log_predicted, const std::vector<double>& noise) {
  std::vector<double> losses;
  for (std::size_t i = 0; i < noise.size(); ++i) losses.push_back(std::exp(log_predicted[i] + noise[i]));
  return losses;
}

BootstrapResult bootstrap_parametric(const Problem& problem, const std::vector<Observation>& points,
                                     const Solution& solution, const FitOptions& options) {
  const BootstrapOptions& boot = options.bootstrap;
  const auto& names = law_form(problem.law).parameters;
  const auto converge = [&](const Problem& p, std::span<const double> weights) {
    return finished(p, weights, resolve(p, weights, solution.theta));
  };
  if (boot.resample == Resample::components) {
    const FitResiduals at = residuals_of_fit(problem, std::span(solution.theta).first(problem.free.size()));
    const NoiseComponents noise = noise_components(points, at, problem.free.size(), options.noise);
    if (noise.cells.empty())
      return run_bootstrap(boot, options.threads, names, 0, [](std::int64_t) { return Refit{}; });
    BootstrapResult result = run_bootstrap(boot, options.threads, names, 0, [&](std::int64_t i) {
      Rng rng = make_rng(boot.seed, "bootstrap", static_cast<std::uint64_t>(i));
      const Problem drawn = with_losses(problem, noisy_losses(at.log_predicted, draw_noise(noise, rng)));
      return converge(drawn, drawn.weights);
    });
    result.noise = describe(noise);
    return result;
  }
  if (boot.resample != Resample::parametric) {
    const std::vector<std::size_t> units = resampling_units(points, boot.resample);
    return run_bootstrap(boot, options.threads, names, 0, [&](std::int64_t i) {
      std::vector<double> weights = multiplicities(units, {}, boot.seed, i);
      for (std::size_t k = 0; k < weights.size(); ++k) weights[k] *= problem.weights[k];
      weights.resize(problem.weights.size(), 0.0);
      return converge(problem, weights);
    });
  }
  const Law law{.kind = problem.law,
                .values = natural_values(problem, solution.theta),
                .name = "",
                .source = "",
                .convention = {}};
  // Seeds say nothing of the scatter of N*.
  const bool seeds = options.noise && !problem.form().predicts_size;
  const NoiseModel noise = seeds ? *options.noise : noise_of_residuals(problem, law);
  return run_bootstrap(boot, options.threads, names, noise.freedom, [&](std::int64_t i) {
    Rng rng = make_rng(boot.seed, "bootstrap", static_cast<std::uint64_t>(i));
    std::vector<double> losses(problem.size());
    for (std::size_t k = 0; k < losses.size(); ++k) {
      const double mean = predict_loss(law, problem.points[k]);
      const double sd = seeds ? noise.at(mean) / std::sqrt(points[k].seeds) : noise.sd;
      losses[k] = mean * std::exp(sd * standard_normal(rng));
    }
    const Problem drawn = with_losses(problem, losses);
    return converge(drawn, drawn.weights);
  });
}

std::map<std::string, double> derived_quantities(const Problem& p, std::span<const double> weights,
                                                 const std::vector<double>& values) {
  const Law law{.kind = p.law, .values = values, .name = "", .source = "", .convention = {}};
  std::map<std::string, double> derived;
  if (p.form().predicts_size) {
    std::vector<double> log_flops, log_tokens;
    for (const LawPoint& point : p.points) {
      log_flops.push_back(std::log(point.flops));
      log_tokens.push_back(std::log(point.tokens));
    }
    const Line line = fit_line(log_flops, log_tokens, weights.first(p.size()));
    return {{"a", values[p.form().of_role(Role::exponent).front()]},
            {"b", line.slope},
            {"params_coefficient", values[p.form().of_role(Role::amplitude).front()]},
            {"tokens_coefficient", std::exp(line.intercept)}};
  }
  if (const auto exponents = allocation_exponents(law)) derived = {{"a", exponents->a}, {"b", exponents->b}};
  return derived;
}

}  // namespace scalelaw::inline fit
