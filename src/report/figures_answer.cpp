#include "report/figures_answer.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "analysis/answer.hpp"
#include "law/optimum.hpp"
#include "report/series.hpp"

namespace scalelaw::inline report {
namespace {

constexpr std::size_t kValleySteps = 40;
constexpr std::size_t kFrontierSteps = 60;
constexpr std::size_t kMaxNamed = 8;  // budgets with a line in the legend
constexpr const char* kFrontierColor = "#1b1f24";
constexpr const char* kLoose = "#8c959f";  // points of no budget

/// D at the size N of a budget: straight in logarithms between its points, so that C is what they took, however it is
/// counted.
/// @param points by rising N, one at least
double tokens_at(const std::vector<Observation>& points, double params) {
  if (points.size() == 1) return points.front().flops / (6 * params);
  const auto at = std::ranges::lower_bound(points, params, {}, &Observation::params) - points.begin();
  const auto i = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 1, std::ssize(points) - 1));
  const Observation &low = points[i - 1], &high = points[i];
  if (high.params <= low.params) return low.tokens;
  const double t = std::log(params / low.params) / std::log(high.params / low.params);
  return low.tokens * std::pow(high.tokens / low.tokens, t);
}

void add_valley(Panel& panel, const Law* law, double flops, std::vector<Observation> points, std::size_t i,
                std::size_t n) {
  std::ranges::sort(points, {}, &Observation::params);
  Series measured{.name = fmt::format("C = {}", power_text(flops)),
                  .color = series_color(i, n),
                  .legend = n <= kMaxNamed || i == 0 || i + 1 == n,
                  .group = fmt::format("C{}", i)};
  for (const Observation& p : points) {
    measured.x.push_back(p.params);
    measured.y.push_back(p.loss_nats);
    measured.hover.push_back(observation_text(p));
  }
  if (law != nullptr) {
    Series line{.name = "the law at " + measured.name,
                .mark = Mark::line,
                .color = measured.color,
                .legend = false,
                .group = measured.group};
    for (const double params : log_space({points.front().params, points.back().params}, kValleySteps)) {
      line.x.push_back(params);
      line.y.push_back(predict_loss(*law, Scale{.params = params, .tokens = tokens_at(points, params)}));
    }
    panel.series.push_back(std::move(line));
  }
  panel.series.push_back(std::move(measured));
}

void add_frontier(Panel& panel, const FitResult& fit, const Allocation* answer) {
  const double measured = fit.flops_range.high;
  const double end = answer == nullptr ? measured : std::max(measured, answer->flops);
  const auto draw = [&](double from, double to, Mark mark, const char* name) {
    Series line{.name = name, .mark = mark, .color = kFrontierColor, .group = name};
    for (const double flops : log_space({from, to}, kFrontierSteps)) {
      const Optimum best = compute_optimal(fit.fitted, flops);
      line.x.push_back(best.scale.params);
      line.y.push_back(best.loss_nats);
    }
    panel.series.push_back(std::move(line));
  };
  draw(fit.flops_range.low, measured, Mark::line, "best of each budget");
  constexpr double kRounding = 1.01;
  if (end > kRounding * measured) draw(measured, end, Mark::dashed, "beyond what was measured");
}

void add_answer(Panel& panel, const Allocation& a) {
  const std::string name = fmt::format("answer at C = {}", power_text(a.flops));
  if (const Interval* ci = find_interval(a.ci95, "params"); ci != nullptr && std::isfinite(ci->high)) {
    panel.series.push_back({.name = "95 % interval of N*",
                            .mark = Mark::line,
                            .color = kPalette[1],
                            .x = {ci->low, ci->high},
                            .y = {a.loss_nats, a.loss_nats},
                            .legend = false,
                            .group = "answer"});
  }
  Series star{.name = name,
              .mark = Mark::star,
              .color = kPalette[1],
              .x = {a.params},
              .y = {a.loss_nats},
              .hover = {fmt::format("C {} · N* {} · D* {} · {:.3f} nats", power_text(a.flops), short_count(a.params),
                                    short_count(a.tokens), a.loss_nats)},
              .group = "answer"};
  if (const Interval* ci = find_interval(a.ci95, "loss"); ci != nullptr && std::isfinite(ci->high)) {
    star.low = {ci->low};
    star.high = {ci->high};
  }
  panel.series.push_back(std::move(star));
}

void add_held_out(Panel& panel, const Holdout& held) {
  Series observed{.name = "held out, measured", .mark = Mark::open_points, .color = kPalette[3], .group = "held"};
  Series predicted{.name = "held out, predicted", .mark = Mark::cross, .color = kPalette[3], .group = "held"};
  for (const Holdout::Point& p : held.points) {
    observed.x.push_back(p.params);
    observed.y.push_back(p.loss_nats);
    predicted.x.push_back(p.params);
    predicted.y.push_back(p.predicted_nats);
    const std::string text = fmt::format("N {} · D {} · measured {:.4f} · predicted {:.4f} nats", short_count(p.params),
                                         short_count(p.tokens), p.loss_nats, p.predicted_nats);
    observed.hover.push_back(text);
    predicted.hover.push_back(text);
  }
  if (observed.x.empty()) return;
  panel.series.push_back(std::move(observed));
  panel.series.push_back(std::move(predicted));
}

}  // namespace

Figure answer_figure(const Analysis& analysis) {
  const FitResult& fit = analysis.parametric;
  const Law* law = fit.fitted.values.empty() || fit.fitted.form().predicts_size ? nullptr : &fit.fitted;
  Figure figure{.id = "answer",
                .kind = FigureKind::answer,
                .title = "The answer",
                .caption =
                    "Points: measured losses, a colour for each compute budget C. Thin curves: the fitted law at "
                    "that budget. Black: the least loss of each budget. Star: the answer, with its 95 % intervals.",
                .panel_height = 300,
                .legend_below = true};
  std::map<double, std::vector<Observation>> budgets;
  Series loose{.name = "measured", .color = kLoose};
  for (const Observation& p : analysis.selection.observations) {
    if (p.budget > 0) {
      budgets[p.budget].push_back(p);
      continue;
    }
    loose.x.push_back(p.params);
    loose.y.push_back(p.loss_nats);
    loose.hover.push_back(observation_text(p));
  }
  Panel panel{.title = "", .x = params_axis(), .y = {"loss (nats/token)", Scaling::linear}};
  if (!loose.x.empty()) panel.series.push_back(std::move(loose));
  std::size_t i = 0;
  for (auto& [flops, points] : budgets) add_valley(panel, law, flops, std::move(points), i++, budgets.size());
  if (panel.series.empty()) return figure;
  add_held_out(panel, fit.holdout);
  const Allocation* answer = headline_allocation(analysis);
  if (law != nullptr && fit.answers() && allocation_exponents(fit.fitted)) add_frontier(panel, fit, answer);
  if (answer != nullptr && std::isfinite(answer->loss_nats)) add_answer(panel, *answer);
  figure.panels.push_back(std::move(panel));
  return figure;
}

}  // namespace scalelaw::inline report
