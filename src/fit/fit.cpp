#include "fit/fit.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <variant>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "fit/bootstrap.hpp"
#include "fit/design_check.hpp"
#include "fit/goodness.hpp"
#include "fit/goodness_text.hpp"
#include "fit/holdout.hpp"
#include "fit/isoflop.hpp"
#include "fit/jackknife.hpp"
#include "fit/log_errors.hpp"
#include "fit/parametric.hpp"
#include "fit/prepare.hpp"
#include "fit/problem.hpp"
#include "fit/rollout.hpp"
#include "fit/signed_losses.hpp"

namespace scalelaw::inline fit {

#define SCALELAW_METHOD(name) FitResult fit_##name(const std::vector<Observation>& points, const FitOptions& options);
SCALELAW_METHODS(SCALELAW_METHOD)
#undef SCALELAW_METHOD

namespace {

Interval range_of(const std::vector<Observation>& points, double Observation::*member) {
  if (points.empty()) return {};
  const auto [low, high] = std::ranges::minmax_element(points, {}, member);
  return {(*low).*member, (*high).*member};
}

// Errors (data): losses in several units.
void check_units(const std::vector<Observation>& points) {
  for (const Observation& o : points) {
    if (o.loss_unit == points.front().loss_unit) continue;
    fail_data("some losses are in {}, some in {}: fit them apart", loss_unit_text(points.front().loss_unit),
              loss_unit_text(o.loss_unit));
  }
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
      "so leave {} out, or use --method isoflop, which does",
      runs.size(), points.size(), one ? "lies" : "lie",
      one ? "a run that never learned does" : "runs that never learned do", fmt::join(names, ", "), one ? "it" : "them",
      one ? "it" : "them");
}

// Goodness of a parametric fit, with the fit without its outliers.
void judge(const std::vector<Observation>& points, const FitOptions& options, FitResult& result) {
  Goodness& g = std::get<ParametricFit>(result.by_method).goodness;
  g = goodness_of(result, points, options);
  if (result.of_few_points()) {  // no residual is left to judge the others by
    g.outliers = 0;
    g.worst_series.reset();
    g.series_stands_out = false;
    return;
  }
  if (g.few_outliers()) {
    std::vector<Observation> rest = points;
    for (std::int64_t i = 0; i < g.outliers; ++i) rest[g.residuals[static_cast<std::size_t>(i)].row - 1].weight = 0;
    std::erase_if(rest, [](const Observation& o) { return !(o.weight > 0); });
    FitOptions plain = options;
    plain.profile = plain.goodness = false;
    plain.bootstrap.replicates = 0;
    if (plain.starts.kind == StartKind::grid) plain.starts = {};
    const FitResult without = fit_parametric(rest, plain);
    if (without.converged()) {
      g.without_outliers = without.derived;
      for (std::size_t k = 0; k < without.fitted.values.size(); ++k) {
        if (shows_parameter(without.fitted, k)) {
          g.without_outliers[law_form(without.law).parameters[k]] = without.fitted.values[k];
        }
      }
    }
  }
  const LawForm& form = law_form(options.law);
  const bool two_variables = !form.predicts_size && !form.only_variable();
  if (options.goodness && !result.fitted.values.empty() && two_variables) {
    for (const std::string& line :
         {one_valley(points, options.law, options.fixed), plateau_caution(points, options, g)}) {
      if (!line.empty()) result.cautions.push_back(line);
    }
  }
  if (const std::string line = group_caution(points, options); !line.empty()) result.cautions.push_back(line);
  const std::vector<std::string> lines = goodness_cautions(result, !options.fixed.empty());
  result.cautions.insert(result.cautions.end(), lines.begin(), lines.end());
}

// Of a fit to some of the points that a fit with these options has: what is asked of the whole is left out.
FitOptions options_of_a_part(FitOptions options) {
  options.profile = options.jackknife = options.goodness = options.allow_few = false;
  options.bootstrap.replicates = options.drop_highest = 0;
  options.holdout_above.reset();
  options.hold.clear();
  options.rollout.reset();
  options.weights = Weights::none;  // they are among the points by now
  options.threads = 1;
  if (options.starts.kind == StartKind::grid) options.starts = {};
  return options;
}

FitResult fit_by_method(const std::vector<Observation>& points, const FitOptions& options) {
  FitResult result;
  switch (options.method) {
#define SCALELAW_METHOD(name)             \
  case Method::name:                      \
    result = fit_##name(points, options); \
    break;
    SCALELAW_METHODS(SCALELAW_METHOD)
#undef SCALELAW_METHOD
  }
  if (std::holds_alternative<ParametricFit>(result.by_method)) judge(points, options, result);
  result.bootstrap.se_log = log_errors(result.bootstrap, law_form(result.law));
  return result;
}

}  // namespace

FitResult fit_points(const std::vector<Observation>& all, const FitOptions& options) {
  if (!(options.objective.delta > 0)) fail_config("--delta {}: must be positive", options.objective.delta);
  check_units(all);
  if (has_signed_losses(all, options)) return fit_signed_losses(all, options, fit_points);
  std::vector<Observation> points = weighted(without_highest(all, options.drop_highest), options);
  const std::vector<Observation> held = take_held_out(points, options);
  FitOptions known = options;
  if (!known.noise) known.noise = estimate_noise(all);
  known.bootstrap.resample = resolved_resample(options.bootstrap.resample, options.method, points);
  if (options.method != Method::parametric) {
    check_points(points);
  } else if (law_form(options.law).needs(Quantity::steps)) {
    points = with_minimum_steps(std::move(points), options.critical_batch);
  }
  FitResult result = fit_by_method(points, known);
  const auto fit_some = [rest = options_of_a_part(options)](const std::vector<Observation>& some) {
    return fit_points(some, rest);
  };
  if (options.jackknife && !result.fitted.values.empty() && !result.of_few_points()) {
    result.jackknife = jackknife_budgets(points, result, options.threads, fit_some);
  }
  if (options.rollout) result.rollout = roll_out(points, *options.rollout, options, fit_some);
  result.weights = options.weights;
  if (!points.empty()) result.loss_unit = points.front().loss_unit;
  result.noise = known.noise;
  result.n = static_cast<std::int64_t>(points.size());
  result.dropped = options.drop_highest;
  result.convention = options.convention;
  result.params_range = range_of(points, &Observation::params);
  result.tokens_range = range_of(points, &Observation::tokens);
  result.flops_range = range_of(points, &Observation::flops);
  result.ratio_range = ratio_range(points);
  if (!law_form(options.law).predicts_size || options.method != Method::parametric)
    result.best_measured = best_measured(points);
  if (!result.fitted.values.empty()) result.fitted.source = fmt::format("fit to {} observations", result.n);
  if (!held.empty()) result.holdout = predict_held_out(result, points, held, options);
  return result;
}

}  // namespace scalelaw::inline fit
