#include "fit/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "fit/budgets.hpp"
#include "fit/holdout.hpp"

namespace scalelaw::inline fit {
namespace {

RolloutScore score_of(const FitResult& fit, const std::vector<Observation>& fitted,
                      const std::vector<Observation>& held, const FitOptions& options) {
  Holdout h = predict_held_out(fit, fitted, held, options);
  return {.n = h.n,
          .rms_log_error = h.rms_log_error,
          .mean_log_error = h.mean_log_error,
          .baseline_rms_log_error = h.baseline_rms_log_error,
          .best = h.best};
}

std::map<std::string, double> values_of(const FitResult& fit) {
  std::map<std::string, double> values = fit.derived;
  for (std::size_t k = 0; k < fit.fitted.values.size(); ++k) {
    if (shows_parameter(fit.fitted, k)) values[law_form(fit.law).parameters[k]] = fit.fitted.values[k];
  }
  return values;
}

std::string level_text(RolloutBy by, double value) {
  return by == RolloutBy::flops ? power_text(value) : short_count(value);
}

std::string value_text(const RolloutWindow& window, const char* name) {
  const auto it = window.values.find(name);
  return it == window.values.end() || !std::isfinite(it->second) ? "-" : fmt::format("{:.4f}", it->second);
}

std::string percent_text(const std::optional<double>& error, bool sign = false) {
  if (!error || !std::isfinite(*error)) return "-";
  return sign ? fmt::format("{:+.2f}", 100 * *error) : fmt::format("{:.2f}", 100 * *error);
}

}  // namespace

Levels levels_of(const std::vector<Observation>& points, RolloutBy by) {
  if (by == RolloutBy::flops) {
    const Budgets budgets = group_budgets(points);
    return {budgets.of_point, budgets.flops};
  }
  std::vector<Observation> as_flops = points;
  for (Observation& o : as_flops) {
    o.budget = 0;
    o.flops = by == RolloutBy::params ? o.params : o.tokens;
  }
  const Budgets groups = group_budgets(as_flops);
  return {groups.of_point, groups.flops};
}

Rollout roll_out(const std::vector<Observation>& points, RolloutBy by, const FitOptions& options,
                 const std::function<FitResult(const std::vector<Observation>&)>& fit_some) {
  Rollout out{.by = by, .windows = {}};
  const Levels levels = levels_of(points, by);
  if (levels.values.size() < 2) return out;
  out.windows.resize(levels.values.size() - 1);
  parallel_for(out.windows.size(), options.threads, [&](std::size_t k) {
    std::vector<Observation> fitted, next, beyond;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const std::size_t level = levels.of_point[i];
      (level <= k ? fitted : beyond).push_back(points[i]);
      if (level == k + 1) next.push_back(points[i]);
    }
    RolloutWindow& window = out.windows[k];
    window.up_to = levels.values[k];
    window.next = levels.values[k + 1];
    window.fitted = std::ssize(fitted);
    window.next_points = std::ssize(next);
    const FitResult fit = fit_some(fitted);
    window.status = fit.convergence.status;
    if (!fit.converged() && window.status != FitStatus::at_bound) return;
    window.values = values_of(fit);
    window.at_next = score_of(fit, fitted, next, options);
    window.beyond = score_of(fit, fitted, beyond, options);
  });
  const auto enough = std::ranges::find_if(
      out.windows, [](const RolloutWindow& window) { return window.status != FitStatus::too_few_points; });
  out.windows.erase(out.windows.begin(), enough);
  return out;
}

std::string describe(const Rollout& rollout) {
  if (rollout.empty()) return "";
  const std::string_view by = name_of(rollout.by);
  std::vector<std::vector<std::string>> rows;
  for (const RolloutWindow& w : rollout.windows) {
    std::vector<std::string> row = {level_text(rollout.by, w.up_to), std::to_string(w.fitted), value_text(w, "a"),
                                    value_text(w, "E"), level_text(rollout.by, w.next)};
    if (w.at_next.empty()) {
      row.insert(row.end(),
                 {std::to_string(w.next_points), std::string(name_of(w.status)), "", "", "", "", "", "", ""});
    } else {
      const HoldoutBest& best = w.at_next.best;
      row.insert(row.end(),
                 {std::to_string(w.at_next.n), percent_text(w.at_next.rms_log_error),
                  percent_text(w.at_next.mean_log_error, true), percent_text(w.at_next.baseline_rms_log_error),
                  best.empty() ? "-" : percent_text(best.mean_log_error, true),
                  percent_text(best.frontier_mean_log_error, true), percent_text(best.isoflop_mean_log_error, true),
                  percent_text(w.beyond.rms_log_error), percent_text(w.beyond.mean_log_error, true)});
    }
    rows.push_back(std::move(row));
  }
  return fmt::format(
             "rollout by {0}: the fit to all points up to a level of {0} predicts the next; errors are 100 "
             "(ln predicted - ln observed)\n",
             by) +
         text_table({fmt::format("{} up to", by), "points", "a", "E", fmt::format("predicts {}", by), "n", "rms",
                     "mean", "line rms", "best: law", "best runs' line", "minima's line", "all beyond: rms", "mean"},
                    rows) +
         "  line: a straight line in ln C through ln loss of every run fitted, good and bad. The three columns from "
         "\"best\" on are\n  the mean error at the best run of the level (where no run of as little compute beats it), "
         "of the law and of two lines\n  that know the least loss alone: through the best runs fitted, and through the "
         "isoFLOP minima.\n";
}

}  // namespace scalelaw::inline fit
