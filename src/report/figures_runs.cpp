#include "report/figures_runs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "analysis/text.hpp"
#include "core/format.hpp"
#include "fit/valley.hpp"
#include "report/series.hpp"

namespace scalelaw::inline report {
namespace {

constexpr std::size_t kMaxCurves = 80;  // more lines than that say less and make the page heavy
constexpr std::size_t kMaxSweepPanels = 24;

/// Keeps `count` of the items, spread evenly over their order.
template <class T>
std::vector<T> spread(const std::vector<T>& items, std::size_t count) {
  if (items.size() <= count) return items;
  std::vector<T> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(items[i * (items.size() - 1) / (count - 1)]);
  return out;
}

/// Values that differ by less than 5 % count as one; where that leaves most values alone, values within a factor of 2.
struct Groups {
  std::vector<double> centers;     ///< geometric means, rising
  std::vector<std::size_t> index;  ///< group of each value
  bool exact = true;               ///< the members agree within 5 %
};

Groups group_by(const std::vector<double>& values, double factor) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  Groups out;
  out.index.resize(values.size());
  for (std::size_t i = 0; i < order.size();) {
    double sum = 0;
    std::size_t end = i;
    for (; end < order.size() && values[order[end]] <= values[order[i]] * factor; ++end) {
      sum += std::log(values[order[end]]);
      out.index[order[end]] = out.centers.size();
    }
    out.centers.push_back(std::exp(sum / static_cast<double>(end - i)));
    i = end;
  }
  return out;
}

Groups group_values(const std::vector<double>& values) {
  Groups groups = group_by(values, 1.05);
  if (groups.centers.size() * 2 <= values.size()) return groups;
  groups = group_by(values, 2.0);
  groups.exact = false;
  return groups;
}

/// The loss of a point as it stands in its group's colour: as measured where the group agrees, else moved along the
/// fitted law to the group's centre, residual and all, so that points and line can be held against each other.
double loss_at_center(const Analysis& analysis, const Observation& point, bool against_params, double center) {
  const Scale measured{.params = point.params, .tokens = point.tokens};
  const Scale moved{.params = against_params ? point.params : center, .tokens = against_params ? center : point.tokens};
  return point.loss_nats * predict_loss(analysis.parametric.fitted, moved) /
         predict_loss(analysis.parametric.fitted, measured);
}

/// Points by group, each group with the fitted loss at its centre: against N, grouped by D, or the other way round.
Panel loss_panel(const Analysis& analysis, bool against_params) {
  const auto& points = analysis.selection.observations;
  std::vector<double> grouped;
  for (const auto& p : points) grouped.push_back(against_params ? p.tokens : p.params);
  const Groups groups = group_values(grouped);
  const std::string symbol = against_params ? "D" : "N";
  const bool fitted = !analysis.parametric.fitted.values.empty();
  Panel panel;
  panel.title = against_params ? "Loss against N, at each D" : "Loss against D, at each N";
  panel.x = against_params ? params_axis() : tokens_axis();
  panel.y = loss_axis();
  for (std::size_t g = 0; g < groups.centers.size(); ++g) {
    Series series;
    series.name = fmt::format("{} {} {}", symbol, groups.exact ? "=" : "≈", short_count(groups.centers[g]));
    series.color = series_color(g, groups.centers.size());
    series.group = symbol + std::to_string(g);
    for (const auto& p : sorted_by(points, against_params)) {
      const auto at = static_cast<std::size_t>(p.second);
      if (groups.index[at] != g) continue;
      series.x.push_back(against_params ? p.first.params : p.first.tokens);
      series.y.push_back(groups.exact || !fitted
                             ? p.first.loss_nats
                             : loss_at_center(analysis, p.first, against_params, groups.centers[g]));
      series.hover.push_back(observation_text(p.first));
    }
    if (fitted) {
      Series line{.name = "fit at " + series.name,
                  .mark = Mark::line,
                  .color = series.color,
                  .legend = false,
                  .group = series.group};
      for (const double x : log_space(range_of(points, against_params), 60)) {
        const Scale scale{.params = against_params ? x : groups.centers[g],
                          .tokens = against_params ? groups.centers[g] : x};
        line.x.push_back(x);
        line.y.push_back(predict_loss(analysis.parametric.fitted, scale));
      }
      panel.series.push_back(std::move(line));
    }
    panel.series.push_back(std::move(series));
  }
  return panel;
}

std::string budget_remark(const IsoflopBudget& budget) {
  switch (budget.status) {
    case BudgetStatus::interior:
      return "";
    case BudgetStatus::edge_low:
    case BudgetStatus::edge_high:
      return " (no minimum inside)";
    case BudgetStatus::not_convex:
      return " (not convex)";
    case BudgetStatus::too_few_points:
      return " (too few points)";
    case BudgetStatus::not_a_parabola:
      return " (not a parabola)";
  }
  return "";
}

/// The sizes of one budget, and how they are drawn.
struct IsoflopCurve {
  double flops = 0;
  std::vector<Observation> points;        ///< by rising N
  const IsoflopBudget* fitted = nullptr;  ///< what approach 2 found there; null = nothing
  std::string name;                       ///< "C = 3×10¹¹", with a remark where there is no minimum
  std::string color, group;
};

/// What approach 2 found at the budget, or null; budgets within 10 % are one.
const IsoflopBudget* fitted_budget(const Analysis& analysis, double flops) {
  const IsoflopBudget* fitted = nullptr;
  for (const auto& b : analysis.isoflop.isoflop().budgets) {
    if (std::abs(std::log(b.flops / flops)) < 0.1) fitted = &b;
  }
  return fitted;
}

/// The observations of each budget, by rising budget; those of none are left out.
std::vector<IsoflopCurve> isoflop_curves(const Analysis& analysis) {
  std::map<double, std::vector<Observation>> by_budget;
  for (const auto& p : analysis.selection.observations) {
    if (p.budget > 0) by_budget[p.budget].push_back(p);
  }
  std::vector<IsoflopCurve> curves;
  for (auto& [flops, points] : by_budget) {
    const std::size_t i = curves.size();
    std::ranges::sort(points, {}, &Observation::params);
    const IsoflopBudget* fitted = fitted_budget(analysis, flops);
    curves.push_back(
        {.flops = flops,
         .points = points,
         .fitted = fitted,
         .name = fmt::format("C = {}{}", power_text(flops), fitted != nullptr ? budget_remark(*fitted) : ""),
         .color = series_color(i, by_budget.size()),
         .group = "C" + std::to_string(i)});
  }
  return curves;
}

/// The points, with error bars where each of them has a standard error.
Series measured_series(const IsoflopCurve& curve) {
  Series series{.name = curve.name, .color = curve.color, .group = curve.group};
  for (const auto& p : curve.points) {
    series.x.push_back(p.params);
    series.y.push_back(p.loss_nats);
    if (p.loss_stderr) {
      series.low.push_back(p.loss_nats - *p.loss_stderr);
      series.high.push_back(p.loss_nats + *p.loss_stderr);
    }
    series.hover.push_back(observation_text(p));
  }
  if (series.low.size() != series.x.size()) {
    series.low.clear();
    series.high.clear();
  }
  return series;
}

/// The fitted parabola between the least and the largest size.
Series parabola_series(const IsoflopCurve& curve) {
  Series line{.name = "parabola " + curve.name,
              .mark = Mark::line,
              .color = curve.color,
              .legend = false,
              .group = curve.group};
  for (const double x : log_space({curve.points.front().params, curve.points.back().params}, 50)) {
    const double u = std::log(x);
    line.x.push_back(x);
    line.y.push_back(curve.fitted->constant + curve.fitted->linear * u + curve.fitted->curvature * u * u);
  }
  return line;
}

Series minimum_series(const IsoflopCurve& curve) {
  const IsoflopBudget& fitted = *curve.fitted;
  return {.name = "minimum",
          .mark = Mark::star,
          .color = curve.color,
          .x = {fitted.params},
          .y = {fitted.loss_nats},
          .hover = {fmt::format("minimum at C {} · N* {} · D* {} · {:.4f} nats", power_text(curve.flops),
                                short_count(fitted.params), short_count(fitted.tokens), fitted.loss_nats)},
          .legend = false,
          .group = curve.group};
}

/// The sweeps of each shape by rising D; the shapes, as (N, name), by rising N.
std::map<std::pair<double, std::string>, std::vector<LrSweep>> sweeps_by_shape(const std::vector<LrSweep>& sweeps) {
  std::map<std::pair<double, std::string>, std::vector<LrSweep>> by_shape;
  for (const LrSweep& s : sweeps) by_shape[{s.params, s.shape}].push_back(s);
  for (auto& [shape, of_shape] : by_shape) std::ranges::sort(of_shape, {}, &LrSweep::tokens);
  return by_shape;
}

/// One colour scale of D for all panels.
struct TokensScale {
  double least = 0, most = 0;
  [[nodiscard]] std::string color(double tokens) const {
    const double t = most > least ? std::log(tokens / least) / std::log(most / least) : 0;
    return series_color(static_cast<std::size_t>(std::lround(99 * t)), 100);
  }
};

/// @param sweeps one at least
TokensScale tokens_scale(const std::vector<LrSweep>& sweeps) {
  const auto [least, most] = std::ranges::minmax(sweeps, {}, &LrSweep::tokens);
  return {.least = least.tokens, .most = most.tokens};
}

/// The rates tried, the line through them, and the best rate.
void add_sweep(Panel& panel, const LrSweep& sweep, const std::string& color) {
  const std::string group = fmt::format("{} {}", sweep.shape, sweep.tokens);
  Series line{
      .name = "D = " + short_count(sweep.tokens), .mark = Mark::line, .color = color, .legend = false, .group = group};
  Series points{.name = line.name, .mark = Mark::points, .color = color, .legend = false, .group = group};
  for (const auto& p : sweep.points) {
    line.x.push_back(p.lr);
    line.y.push_back(p.loss_nats);
    points.hover.push_back(fmt::format("{} · D {} · lr {} · {:.4f} nats, mean of {} seed(s)", sweep.shape,
                                       short_count(sweep.tokens), number_text(p.lr), p.loss_nats, p.seeds));
  }
  points.x = line.x;
  points.y = line.y;
  panel.series.push_back(std::move(line));
  panel.series.push_back(std::move(points));
  panel.series.push_back(
      {.name = "best",
       .mark = sweep.on_edge() ? Mark::cross : Mark::star,
       .color = color,
       .x = {sweep.best_lr},
       .y = {sweep.best_loss_nats},
       .hover = {fmt::format("{} · D {}: best lr {} ({}), {:.4f} nats", sweep.shape, short_count(sweep.tokens),
                             number_text(sweep.best_lr), sweep.status, sweep.best_loss_nats)},
       .legend = false,
       .group = group});
}

}  // namespace

Figure curves_figure(const Analysis& analysis) {
  Figure figure{.id = "curves", .kind = FigureKind::curves, .title = "Loss curves", .caption = ""};
  if (analysis.curves.empty()) return figure;
  std::vector<LossCurve> curves = analysis.curves;
  std::ranges::stable_sort(curves, [](const LossCurve& a, const LossCurve& b) {
    return std::pair(a.params, a.tokens) < std::pair(b.params, b.tokens);
  });
  curves = spread(curves, kMaxCurves);
  figure.caption = fmt::format(
      "Training loss of the run nearest the best learning rate of each shape and token budget. Branches of one trunk "
      "lie on "
      "each other until their cooldown{}.",
      curves.size() < analysis.curves.size()
          ? fmt::format("; {} of {} curves are drawn", curves.size(), analysis.curves.size())
          : "");
  std::vector<std::string> shapes;
  for (const auto& c : curves) {
    if (shapes.empty() || shapes.back() != c.shape) shapes.push_back(c.shape);
  }
  Panel panel{
      .title = "", .x = {"tokens seen", Scaling::log_counts}, .y = {"training loss (nats/token)", Scaling::linear}};
  std::size_t shape = 0;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const LossCurve& c = curves[i];
    const bool first = i == 0 || c.shape != curves[i - 1].shape;
    if (i > 0 && first) ++shape;
    Series series{.name = fmt::format("{} (N {})", c.shape, short_count(c.params)),
                  .mark = Mark::line,
                  .color = series_color(shape, shapes.size()),
                  .x = c.at_tokens,
                  .y = c.loss_nats,
                  .legend = first,
                  .group = c.shape};
    series.hover.assign(c.at_tokens.size(), "");
    for (std::size_t k = 0; k < c.at_tokens.size(); ++k) {
      series.hover[k] = fmt::format("{} · D {} · lr {} · {} tokens: {:.3f} nats", c.shape, short_count(c.tokens),
                                    number_text(c.lr), short_count(c.at_tokens[k]), c.loss_nats[k]);
    }
    panel.series.push_back(std::move(series));
  }
  figure.panels.push_back(std::move(panel));
  return figure;
}

Figure isoflop_figure(const Analysis& analysis) {
  Figure figure{
      .id = "isoflop",
      .kind = FigureKind::isoflop,
      .title = "isoFLOP curves",
      .caption =
          "Best loss of each model size at equal compute. Lines: the parabola in ln N of approach 2. Stars: its "
          "minimum, kept only where it lies between the measured sizes. Bars: standard error of the held-out sample; "
          "all runs share its windows, so differences between runs are known better than the bars say."};
  Panel panel{.title = "", .x = params_axis(), .y = {"loss (nats/token)", Scaling::linear}};
  for (const IsoflopCurve& curve : isoflop_curves(analysis)) {
    const bool parabola = curve.fitted != nullptr && curve.fitted->curvature != 0;
    if (parabola) panel.series.push_back(parabola_series(curve));
    panel.series.push_back(measured_series(curve));
    if (curve.fitted != nullptr && has_minimum(*curve.fitted)) panel.series.push_back(minimum_series(curve));
  }
  if (!panel.series.empty()) figure.panels.push_back(std::move(panel));
  return figure;
}

Figure loss_figure(const Analysis& analysis) {
  Figure figure{
      .id = "loss",
      .kind = FigureKind::surface,
      .title = "Loss against model size and against data",
      .caption =
          "Points: tuned loss of each shape and token budget. Lines: the fitted law at the D or N of each colour "
          "(≈: points within a factor of 2 share a colour and are moved to its D or N along the fitted law; what was "
          "measured is shown where you point).",
      .columns = 2};
  if (analysis.selection.observations.empty()) return figure;
  figure.panels = {loss_panel(analysis, true), loss_panel(analysis, false)};
  return figure;
}

Figure sweeps_figure(const Analysis& analysis) {
  Figure figure{
      .id = "sweeps",
      .kind = FigureKind::sweeps,
      .title = "Learning-rate sweeps",
      .caption =
          "Mean loss over seeds against peak learning rate. Stars: the interpolated optimum. Crosses: the best "
          "rate lies on the edge of the sweep, so the loss is an upper bound.",
      .columns = 3,
      .panel_height = 300};
  const auto& sweeps = analysis.selection.sweeps;
  if (std::ranges::none_of(sweeps, [](const LrSweep& s) { return s.points.size() > 1; })) return figure;
  const TokensScale scale = tokens_scale(sweeps);
  const auto by_shape = sweeps_by_shape(sweeps);
  for (const auto& [shape, of_shape] : by_shape) {
    if (figure.panels.size() == kMaxSweepPanels) {
      figure.caption += fmt::format(" The first {} of {} shapes are drawn.", kMaxSweepPanels, by_shape.size());
      break;
    }
    Panel panel{.title = fmt::format("{} (N {})", shape.second, short_count(shape.first)),
                .x = {"peak learning rate", Scaling::log_plain},
                .y = {"loss (nats/token)", Scaling::linear}};
    for (const LrSweep& sweep : of_shape) add_sweep(panel, sweep, scale.color(sweep.tokens));
    figure.panels.push_back(std::move(panel));
  }
  figure.caption +=
      fmt::format(" Colours: D from {} (dark) to {} (light).", short_count(scale.least), short_count(scale.most));
  return figure;
}

}  // namespace scalelaw::inline report
