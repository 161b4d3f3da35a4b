#include "fit/fit.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "core/stats.hpp"
#include "fit/bootstrap.hpp"
#include "fit/design_check.hpp"
#include "fit/envelope.hpp"
#include "fit/isoflop.hpp"
#include "fit/jackknife.hpp"
#include "fit/prepare.hpp"
#include "fit/problem.hpp"
#include "fit/profile.hpp"
#include "fit/search.hpp"
#include "fit/signed_losses.hpp"

namespace scalelaw {
namespace {

// Beyond this the scaled design is singular in double precision: a minimum along a line, not at a point.
constexpr double kSingular = 1e14;

// What the law itself demands, joined with what the caller holds.
std::map<std::string, double> fixed_parameters(const FitOptions& options) {
  std::map<std::string, double> fixed = options.fixed;
  const bool power = is_power_law(options.law);
  if (power && !options.offset) fixed.try_emplace("E", 0.0);
  return fixed;
}

FitStatus status_of(NewtonStatus status) {
  switch (status) {
    case NewtonStatus::converged:
      return FitStatus::converged;
    case NewtonStatus::at_bound:
      return FitStatus::at_bound;
    case NewtonStatus::diverged:
      return FitStatus::diverged;
    case NewtonStatus::stalled:
      return FitStatus::stalled;
  }
  return FitStatus::stalled;
}

std::string message_of(const Problem& p, const Solution& s, double condition) {
  if (s.status == NewtonStatus::at_bound) {
    const bool one = s.at_bound.size() == 1;
    return fmt::format("{} ended at the bound of {}: the data do not need {}, or cannot tell {} from the others",
                       fmt::join(s.at_bound, ", "), one ? "its range" : "their ranges", one ? "it" : "them",
                       one ? "it" : "them");
  }
  if (condition > kSingular) {
    return fmt::format(
        "the points do not tell the {} parameters apart (condition number {:.1e}); vary N and D separately, "
        "or hold parameters with fit --fix",
        p.free.size(), condition);
  }
  if (s.status == NewtonStatus::stalled) {
    return fmt::format(
        "the solver stopped after {} evaluations before it could prove a minimum (scaled gradient {:.1e})",
        s.evaluations, s.gradient_norm);
  }
  return "";
}

void take_solution(const SearchResult& found, const Problem& problem, const FitOptions& options, FitResult& result) {
  const Solution& best = *found.best;
  // Huber's function is half a square near 0; plain squares are reported as such.
  const double unit = result.objective.kind == ObjectiveKind::log_huber ? 1 : 2;
  Convergence& c = result.convergence;
  c.starts_at_best = found.starts_at_best;
  c.paths = found.paths;
  c.paths_at_best = found.paths_at_best;
  c.minima_found = found.minima;
  if (found.next_best) c.next_best_objective = unit * *found.next_best;
  c.gradient_norm = best.gradient_norm;
  c.condition = design_condition(problem, best.theta);
  const bool singular = best.status == NewtonStatus::converged && !(c.condition < kSingular);
  c.status = singular ? FitStatus::stalled : status_of(best.status);
  result.message = message_of(problem, best, c.condition);
  result.objective_value = best.value * unit;
  result.fitted = fitted_law(problem, best.theta, options.convention);
  result.derived = derived_quantities(problem, problem.weights, result.fitted.values);
}

void add_profiles(const std::vector<Observation>& points, const Problem& problem, const Solution& best,
                  const std::map<std::string, double>& fixed, const FitOptions& options, FitResult& result) {
  std::vector<Identifiability> profiles(problem.free.size());
  parallel_for(profiles.size(), options.threads,
               [&](std::size_t k) { profiles[k] = profile_interval(points, problem, best, fixed, problem.free[k]); });
  for (std::size_t k = 0; k < profiles.size(); ++k) {
    result.identifiability[law_info(options.law).parameters[problem.free[k]]] = profiles[k];
  }
  result.identifiability.merge(profile_exponents(points, problem, best, fixed, result.identifiability));
}

FitResult fit_parametric(const std::vector<Observation>& points, const FitOptions& options) {
  FitResult result;
  result.law = options.law;
  result.objective = options.objective;
  // N*(C) is a straight line in logarithms, fitted by least squares.
  if (options.law == LawKind::optimal) result.objective.kind = ObjectiveKind::log_mse;
  const std::map<std::string, double> fixed = fixed_parameters(options);
  const Problem problem = make_problem(points, options.law, result.objective, fixed);
  const std::size_t needed = problem.free.size() + 2;
  const auto used =
      static_cast<std::size_t>(std::ranges::count_if(points, [](const Observation& o) { return o.weight > 0; }));
  if (used < needed) {
    result.message = fmt::format(
        "{} {} too few for {}: a fit of the law {} needs at least {}; add runs, or hold parameters with fit --fix",
        counted(static_cast<std::int64_t>(used), "point"), used == 1 ? "is" : "are",
        counted(std::ssize(problem.free), "parameter"), law_info(options.law).name, needed);
    return result;
  }
  if (const auto design = design_problem(points, options.law, fixed)) {
    result.convergence.status = FitStatus::design;
    result.message = design->text();
    return result;
  }
  const SearchResult found = search(problem, options);
  result.convergence.starts = found.starts;
  if (!found.best) {
    result.convergence.status = FitStatus::diverged;
    result.message = found.starts == 0
                         ? fmt::format("no start has a finite objective: the points do not fit the law {}",
                                       law_info(options.law).name)
                         : "the objective is not finite from any start";
    return result;
  }
  take_solution(found, problem, options, result);
  if (result.message.empty()) result.message = ignored_variable(points, options.law);
  if (options.profile && result.converged() && problem.free.size() > 1) {
    add_profiles(points, problem, *found.best, fixed, options, result);
  }
  if (options.bootstrap.replicates > 0 && finished(*found.best)) {
    result.bootstrap = bootstrap_parametric(problem, points, *found.best, options);
  }
  return result;
}

Interval range_of(const std::vector<Observation>& points, double Observation::*member) {
  if (points.empty()) return {};
  const auto [low, high] = std::ranges::minmax_element(points, {}, member);
  return {(*low).*member, (*high).*member};
}

// Measured losses that no run of as little compute beats.
std::vector<BestMeasured> best_measured(std::vector<Observation> points) {
  std::ranges::sort(points, [](const Observation& a, const Observation& b) {
    return std::pair(a.flops, a.loss_nats) < std::pair(b.flops, b.loss_nats);
  });
  std::vector<BestMeasured> best;
  for (const Observation& o : points) {
    if (!(o.weight > 0) || (!best.empty() && o.loss_nats >= best.back().loss_nats)) continue;
    best.push_back({.params = o.params, .tokens = o.tokens, .flops = o.flops, .loss_nats = o.loss_nats});
  }
  return best;
}

Interval ratio_range(const std::vector<Observation>& points) {
  Interval range;
  for (const Observation& o : points) {
    const double ratio = o.tokens / o.params;
    range.low = range.low > 0 ? std::min(range.low, ratio) : ratio;
    range.high = std::max(range.high, ratio);
  }
  return range;
}

// The loss of a run that the fit has not seen; S_min of its steps is found together with the loss.
double predict_held_out_run(const FitResult& result, const FitOptions& options, const Observation& o) {
  if (result.fitted.kind != LawKind::kaplan_steps || !o.batch_tokens) return predict_loss(result.fitted, law_point(o));
  LawPoint point = law_point(o);
  if (!(point.steps > 0)) point.steps = o.tokens / *o.batch_tokens;
  return predict_loss_at_batch(result.fitted, point, *o.batch_tokens, options.critical_batch);
}

Holdout predict_held_out(const FitResult& result, const std::vector<Observation>& below,
                         const std::vector<Observation>& above, const FitOptions& options) {
  Holdout out;
  out.above_flops = *options.holdout_above;
  if (result.fitted.values.empty() || result.fitted.kind == LawKind::optimal) return out;
  std::vector<double> log_flops, log_loss;
  for (const Observation& o : below) {
    log_flops.push_back(std::log(o.flops));
    log_loss.push_back(std::log(o.loss_nats));
  }
  const Line baseline = fit_line(log_flops, log_loss);
  double squares = 0, sum = 0, baseline_squares = 0, variance = 0;
  for (const Observation& o : above) {
    const double predicted = predict_held_out_run(result, options, o);
    const double error = std::log(predicted / o.loss_nats);
    const double plain = baseline.intercept + baseline.slope * std::log(o.flops) - std::log(o.loss_nats);
    squares += error * error;
    sum += error;
    baseline_squares += plain * plain;
    if (result.noise) variance += std::pow(result.noise->at(o.loss_nats), 2) / o.seeds;
    out.points.push_back({o.params, o.tokens, o.flops, o.loss_nats, predicted});
  }
  const auto n = static_cast<double>(above.size());
  out.n = static_cast<std::int64_t>(above.size());
  out.rms_log_error = std::sqrt(squares / n);
  out.mean_log_error = sum / n;
  out.baseline_rms_log_error = std::sqrt(baseline_squares / n);
  if (result.noise) out.noise = std::sqrt(variance / n);
  return out;
}

// An interval from a handful of groups is rough, and one that takes no notice of them is too narrow.
std::string group_caution(const std::vector<Observation>& points, const FitOptions& options) {
  constexpr std::size_t kFewGroups = 8;
  if (options.bootstrap.replicates == 0) return "";
  const std::vector<std::size_t> units = resampling_units(points, Resample::groups);
  const std::size_t count = units.empty() ? 0 : *std::ranges::max_element(units) + 1;
  if (count == points.size() || count >= kFewGroups) return "";
  if (options.bootstrap.resample == Resample::groups) {
    return fmt::format("the {} points are of {} groups (trunks, or rows of one run): so few make the interval rough",
                       points.size(), count);
  }
  return fmt::format(
      "the {} points are of {} groups (trunks, or rows of one run), too few to resample: the interval takes points as "
      "independent and may be far too narrow",
      points.size(), count);
}

// Runs that never learned pull a law as they pull a parabola; a fit that holds them says so.
std::string plateau_caution(const std::vector<Observation>& points, const FitOptions& options, const Goodness& g) {
  const std::vector<PlateauRun> runs = plateau_runs(points, options.noise);
  if (runs.empty()) return "";
  constexpr std::size_t kNamed = 6;
  const bool one = runs.size() == 1;
  std::set<std::size_t> outliers;  // the caution of goodness names them, with the fit without them
  if (g.few_outliers()) {
    for (std::int64_t i = 0; i < g.outliers; ++i) outliers.insert(g.residuals[static_cast<std::size_t>(i)].row - 1);
  }
  if (std::ranges::all_of(runs, [&](const PlateauRun& run) { return outliers.contains(run.point); })) return "";
  std::vector<std::string> names;
  for (const PlateauRun& run : runs) names.push_back(run.name);
  if (names.size() > kNamed) {
    names.resize(kNamed);
    names.push_back(fmt::format("{} more", runs.size() - kNamed));
  }
  return fmt::format(
      "{} of {} runs {} far above every valley through the others of the same compute, as {}: {}; the law bends to {}, "
      "so "
      "leave {} out, or use --method isoflop, which does",
      runs.size(), points.size(), one ? "lies" : "lie",
      one ? "a run that never learned does" : "runs that never learned do", fmt::join(names, ", "), one ? "it" : "them",
      one ? "it" : "them");
}

// Goodness of a parametric fit, with the fit without its outliers.
void judge(const std::vector<Observation>& points, const FitOptions& options, FitResult& result) {
  result.goodness = goodness_of(result, points, options);
  Goodness& g = result.goodness;
  if (g.few_outliers()) {
    std::vector<Observation> rest = points;
    for (std::int64_t i = 0; i < g.outliers; ++i) rest[g.residuals[static_cast<std::size_t>(i)].row - 1].weight = 0;
    std::erase_if(rest, [](const Observation& o) { return !(o.weight > 0); });
    FitOptions plain = options;
    plain.profile = plain.goodness = false;
    plain.bootstrap.replicates = 0;
    if (plain.starts == "grid") plain.starts = "projection";
    const FitResult without = fit_parametric(rest, plain);
    if (without.converged()) {
      g.without_outliers = without.derived;
      for (std::size_t k = 0; k < without.fitted.values.size(); ++k) {
        if (shows_parameter(without.fitted, k)) {
          g.without_outliers[law_info(without.law).parameters[k]] = without.fitted.values[k];
        }
      }
    }
  }
  const bool two_variables = !is_power_law(options.law);
  if (options.goodness && !result.fitted.values.empty() && options.law != LawKind::optimal && two_variables) {
    for (const std::string& line :
         {one_valley(points, options.law, options.fixed), plateau_caution(points, options, g)}) {
      if (!line.empty()) result.cautions.push_back(line);
    }
  }
  if (const std::string line = group_caution(points, options); !line.empty()) result.cautions.push_back(line);
  const std::vector<std::string> lines = goodness_cautions(result, !options.fixed.empty());
  result.cautions.insert(result.cautions.end(), lines.begin(), lines.end());
}

}  // namespace

FitResult fit(const std::vector<Observation>& all, const FitOptions& options) {
  if (!(options.objective.delta > 0)) fail_config("--delta {}: must be positive", options.objective.delta);
  if (has_signed_losses(all, options)) return fit_signed_losses(all, options);
  std::vector<Observation> points = weighted(without_highest(all, options.drop_highest), options), above;
  if (options.holdout_above) {
    std::ranges::copy_if(points, std::back_inserter(above),
                         [&](const Observation& o) { return o.flops > *options.holdout_above; });
    std::erase_if(points, [&](const Observation& o) { return o.flops > *options.holdout_above; });
    if (above.empty()) fail_config("--holdout-above {}: no run has more FLOPs", *options.holdout_above);
  }
  FitOptions known = options;
  if (!known.noise) known.noise = estimate_noise(all);
  known.bootstrap.resample = resolved_resample(options.bootstrap.resample, options.method, points);
  FitResult result;
  if (options.method == Method::parametric) {
    if (options.law == LawKind::kaplan_steps) points = with_minimum_steps(std::move(points), options.critical_batch);
    result = fit_parametric(points, known);
    judge(points, known, result);
  } else {
    (void)make_problem(points, LawKind::kaplan, options.objective, {});  // refuses unusable points
    result = options.method == Method::isoflop ? fit_isoflop(points, known) : fit_envelope(points, known);
  }
  if (options.jackknife && !result.fitted.values.empty()) {
    FitOptions rest = options;
    rest.profile = rest.jackknife = rest.goodness = false;
    rest.bootstrap.replicates = rest.drop_highest = 0;
    rest.holdout_above.reset();
    rest.weights = Weights::none;  // they are among the points by now
    rest.threads = 1;
    if (rest.starts == "grid") rest.starts = "projection";
    result.jackknife = jackknife_budgets(points, result, options.threads,
                                         [&](const std::vector<Observation>& some) { return fit(some, rest); });
  }
  result.weights = options.weights;
  result.noise = known.noise;
  result.n = static_cast<std::int64_t>(points.size());
  result.dropped = options.drop_highest;
  result.convention = options.convention;
  result.params_range = range_of(points, &Observation::params);
  result.tokens_range = range_of(points, &Observation::tokens);
  result.flops_range = range_of(points, &Observation::flops);
  result.ratio_range = ratio_range(points);
  if (options.law != LawKind::optimal || options.method != Method::parametric)
    result.best_measured = best_measured(points);
  if (!result.fitted.values.empty()) result.fitted.source = fmt::format("fit to {} observations", result.n);
  if (options.holdout_above) result.holdout = predict_held_out(result, points, above, options);
  return result;
}

}  // namespace scalelaw
