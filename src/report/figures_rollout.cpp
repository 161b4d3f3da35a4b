#include "report/figures_rollout.hpp"

#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "report/series.hpp"

namespace scalelaw::inline report {
namespace {

using ErrorOf = std::function<std::optional<double>(const RolloutScore&)>;

Axis level_axis(RolloutBy by) {
  switch (by) {
    case RolloutBy::flops:
      return flops_axis();
    case RolloutBy::params:
      return params_axis();
    case RolloutBy::tokens:
      return tokens_axis();
  }
  return flops_axis();
}

std::string window_text(RolloutBy by, const RolloutWindow& window, double percent) {
  const auto level = [&](double x) { return by == RolloutBy::flops ? power_text(x) : short_count(x); };
  return fmt::format("fitted to {} points up to {} {}, predicts {}: {:+.2f} %", window.fitted, name_of(by),
                     level(window.up_to), level(window.next), percent);
}

/// One line of errors in per cent; empty where no window has this error.
void add_errors(Panel& panel, const Rollout& rollout, Series series, const ErrorOf& error) {
  for (const RolloutWindow& window : rollout.windows) {
    const std::optional<double> at = error(window.at_next);
    if (!at || !std::isfinite(*at) || window.at_next.empty()) continue;
    series.x.push_back(window.next);
    series.y.push_back(100 * *at);
    series.hover.push_back(window_text(rollout.by, window, series.y.back()));
  }
  if (!series.x.empty()) panel.series.push_back(std::move(series));
}

}  // namespace

Figure rollout_figure(const Rollout& rollout) {
  Figure figure{
      .id = std::string("rollout_") + std::string(name_of(rollout.by)),
      .kind = FigureKind::rollout,
      .title = "Predictions of the next level",
      .caption =
          "A law fitted to all runs up to one level predicts the next. Left: all runs of that level, root mean "
          "square; the straight line goes through every run fitted, good and bad. Right: the best run of the "
          "level, above 0 where the prediction was too high, with two lines that know the least loss alone: "
          "through the best runs fitted, and through the isoFLOP minima.",
      .columns = 2,
      .panel_height = 360};
  Panel all{.title = "All runs of the next level",
            .x = level_axis(rollout.by),
            .y = {"rms of ln predicted / measured (%)", Scaling::linear}};
  const auto series = [](const char* name, Mark mark, std::size_t color, bool legend) {
    return Series{.name = name, .mark = mark, .color = kPalette[color], .legend = legend, .group = name};
  };
  add_errors(all, rollout, series("the law", Mark::points, 0, true),
             [](const RolloutScore& s) { return std::optional(s.rms_log_error); });
  add_errors(all, rollout, series("straight line in ln C", Mark::open_points, 1, true),
             [](const RolloutScore& s) { return std::optional(s.baseline_rms_log_error); });
  if (all.series.empty()) return figure;
  Panel best{
      .title = "Its best run", .x = level_axis(rollout.by), .y = {"ln predicted / measured (%)", Scaling::linear}};
  add_errors(best, rollout, series("the law", Mark::points, 0, false), [](const RolloutScore& s) {
    return s.best.empty() ? std::nullopt : std::optional(s.best.mean_log_error);
  });
  add_errors(best, rollout, series("line through the best runs", Mark::cross, 2, true),
             [](const RolloutScore& s) { return s.best.frontier_mean_log_error; });
  add_errors(best, rollout, series("line through the isoFLOP minima", Mark::star, 3, true),
             [](const RolloutScore& s) { return s.best.isoflop_mean_log_error; });
  figure.panels.push_back(std::move(all));
  if (!best.series.empty()) figure.panels.push_back(std::move(best));
  return figure;
}

}  // namespace scalelaw::inline report
