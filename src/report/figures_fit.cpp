#include "report/figures_fit.hpp"

#include <algorithm>
#include <cmath>

#include "core/stats.hpp"
#include "fit/valley.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "report/series.hpp"

namespace scalelaw::inline report {
namespace {

constexpr std::size_t kGrid = 48;         // cells of the contour map in each direction
constexpr std::size_t kBudgetSteps = 40;  // points of the N*(C) curves
constexpr std::size_t kMaxDraws = 400;    // bootstrap draws behind the bands and in the cloud
constexpr const char* kFitColor = "#0072B2";
constexpr const char* kIsoflopColor = "#D55E00";

Panel allocation_panel(bool params) {
  return {
      .title = params ? "Compute-optimal model size" : "Compute-optimal training data",
      .x = flops_axis(),
      .y = params ? Axis{"N* (parameters)", Scaling::log_counts} : Axis{"D* (training tokens)", Scaling::log_counts}};
}

double optimum_of(const Law& law, double flops, bool params) {
  const Scale scale = compute_optimal(law, flops).scale;
  return params ? scale.params : scale.tokens;
}

/// Adds the fitted N*(C) or D*(C) with its 95 % bootstrap band.
void add_fitted(Panel& panel, const FitResult& fit, const std::vector<double>& budgets, bool params) {
  if (!fit.answers() || !allocation_exponents(fit.fitted)) return;
  Series band{
      .name = "95 % of the bootstrap", .mark = Mark::band, .color = kFitColor, .legend = !params, .group = "fit"};
  Series line{.name = method_text(fit), .mark = Mark::line, .color = kFitColor, .legend = !params, .group = "fit"};
  for (const double flops : budgets) {
    line.x.push_back(flops);
    line.y.push_back(optimum_of(fit.fitted, flops, params));
    std::vector<double> draws;
    for (std::size_t i = 0; i < std::min(kMaxDraws, fit.bootstrap.draws.size()); ++i) {
      Law law = fit.fitted;
      law.values = fit.bootstrap.draws[i];
      const double optimum = optimum_of(law, flops, params);
      if (std::isfinite(optimum) && optimum > 0) draws.push_back(optimum);
    }
    if (draws.size() < 10) continue;
    const auto [low, high] = central_interval(draws, 0.95);
    band.x.push_back(flops);
    band.low.push_back(low);
    band.high.push_back(high);
  }
  if (!band.x.empty()) panel.series.push_back(std::move(band));
  panel.series.push_back(std::move(line));
}

/// Adds the minima of approach 2 and the power law through them.
void add_isoflop(Panel& panel, const FitResult& fit, const std::vector<double>& budgets, bool params) {
  Series points{.name = method_text(fit) + " minima",
                .mark = Mark::star,
                .color = kIsoflopColor,
                .legend = !params,
                .group = "isoflop"};
  std::vector<double> ln_c, ln_y;
  for (const auto& b : fit.isoflop().budgets) {
    if (!has_minimum(b)) continue;
    points.x.push_back(b.flops);
    points.y.push_back(params ? b.params : b.tokens);
    points.hover.push_back(
        fmt::format("C {} · N* {} · D* {}", power_text(b.flops), short_count(b.params), short_count(b.tokens)));
    ln_c.push_back(std::log(b.flops));
    ln_y.push_back(std::log(points.y.back()));
  }
  if (points.x.empty()) return;
  if (points.x.size() >= 2) {
    const Line fitted = fit_line(ln_c, ln_y);
    Series line{.name = "power law through the minima",
                .mark = Mark::dashed,
                .color = kIsoflopColor,
                .legend = !params,
                .group = "isoflop"};
    for (const double flops : budgets) {
      line.x.push_back(flops);
      line.y.push_back(std::exp(fitted.intercept + fitted.slope * std::log(flops)));
    }
    panel.series.push_back(std::move(line));
  }
  panel.series.push_back(std::move(points));
}

void add_published(Panel& panel, const std::vector<double>& budgets, bool params) {
  struct Published {
    const char* name;
    const char* color;
  };
  for (const auto& [name, color] : {Published{"hoffmann2022", "#009E73"}, Published{"besiroglu2024", "#CC79A7"},
                                    Published{"kaplan2020-joint", "#E69F00"}}) {
    const Law& law = published_law(name);
    if (!allocation_exponents(law)) continue;
    Series line{.name = law.name, .mark = Mark::dotted, .color = color, .legend = !params, .group = law.name};
    for (const double flops : budgets) {
      line.x.push_back(flops);
      line.y.push_back(optimum_of(law, flops, params));
    }
    panel.series.push_back(std::move(line));
  }
}

}  // namespace

Figure surface_figure(const Analysis& analysis) {
  Figure figure{
      .id = "surface",
      .kind = FigureKind::surface,
      .title = "Fitted surface",
      .caption =
          "Colours and contours: the fitted law. Circles: measured losses in the same colours, so a circle that "
          "stands out from its surroundings is a misfit."};
  const auto& points = analysis.selection.observations;
  const FitResult& fit = analysis.parametric;
  if (points.empty() || fit.fitted.values.empty()) return figure;
  Surface surface{.x = log_space(range_of(points, true), kGrid),
                  .y = log_space(range_of(points, false), kGrid),
                  .z = {},
                  .title = "loss (nats/token)"};
  for (const auto& p : points) {
    surface.point_x.push_back(p.params);
    surface.point_y.push_back(p.tokens);
    surface.point_z.push_back(p.loss_nats);
    surface.hover.push_back(
        fmt::format("{} · fitted {:.4f}", observation_text(p), predict_loss(fit.fitted, p.scale())));
  }
  double low = *std::ranges::min_element(surface.point_z);
  double high = *std::ranges::max_element(surface.point_z);
  for (const double tokens : surface.y) {
    std::vector<double>& row = surface.z.emplace_back();
    for (const double params : surface.x) {
      row.push_back(predict_loss(fit.fitted, Scale{.params = params, .tokens = tokens}));
      low = std::min(low, row.back());
    }
  }
  // The corner of small N and small D lies far above every point: it would use up the colours.
  surface.low = low;
  surface.high = high + 0.1 * (high - low);
  for (auto& row : surface.z) {
    for (double& z : row) z = std::min(z, surface.high);
  }
  Panel panel{.title = "", .x = params_axis(), .y = tokens_axis(), .surface = std::move(surface)};
  figure.panels.push_back(std::move(panel));
  return figure;
}

Figure residual_figure(const Analysis& analysis) {
  Figure figure{.id = "residuals",
                .kind = FigureKind::surface,
                .title = "Residuals of the fit",
                .caption =
                    "Measured loss over fitted loss, minus 1. A straight trend says nothing here, since the fit has "
                    "taken it out; what tests the form is listed above.",
                .columns = 2,
                .panel_height = 340};
  const auto& points = analysis.selection.observations;
  const FitResult& fit = analysis.parametric;
  if (points.empty() || fit.fitted.values.empty()) return figure;
  for (const bool params : {true, false}) {
    Panel panel{
        .title = "", .x = params ? params_axis() : tokens_axis(), .y = {"measured / fitted − 1 (%)", Scaling::linear}};
    const Interval range = range_of(points, params);
    panel.series.push_back({.name = "zero",
                            .mark = Mark::line,
                            .color = "#888888",
                            .x = {range.low, range.high},
                            .y = {0, 0},
                            .legend = false});
    Series series{.name = "residual", .mark = Mark::points, .color = kFitColor, .legend = false};
    for (const auto& p : points) {
      const double percent = 100 * (p.loss_nats / predict_loss(fit.fitted, p.scale()) - 1);
      series.x.push_back(params ? p.params : p.tokens);
      series.y.push_back(percent);
      series.hover.push_back(fmt::format("{} · {:+.2f} %", observation_text(p), percent));
    }
    panel.series.push_back(std::move(series));
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

Figure allocation_figure(const Analysis& analysis) {
  Figure figure{
      .id = "allocation",
      .kind = FigureKind::allocation,
      .title = "How to spend a compute budget",
      .caption =
          "Compute-optimal N and D against C = 6ND. The published laws come from other texts, tokenizers and ranges "
          "of compute (kaplan2020-joint counts N without embeddings): their slopes may be compared, their heights "
          "hardly.",
      .columns = 2};
  const auto& points = analysis.selection.observations;
  if (points.empty()) return figure;
  Interval range{INFINITY, 0};
  for (const auto& p : points) {
    range.low = std::min(range.low, p.flops / 2);
    range.high = std::max(range.high, p.flops * 2);
  }
  for (const auto& a : analysis.allocations) range.high = std::max(range.high, a.flops * 1.5);
  const std::vector<double> budgets = log_space(range, kBudgetSteps);
  for (const bool params : {true, false}) {
    Panel panel = allocation_panel(params);
    add_fitted(panel, analysis.parametric, budgets, params);
    add_published(panel, budgets, params);
    add_isoflop(panel, analysis.isoflop, budgets, params);
    Series asked{.name = "budgets asked for",
                 .mark = Mark::open_points,
                 .color = kFitColor,
                 .legend = !params,
                 .group = "asked"};
    for (const auto& a : analysis.allocations) {
      const Interval* interval = find_interval(a.ci95, params ? "params" : "tokens");
      asked.x.push_back(a.flops);
      asked.y.push_back(params ? a.params : a.tokens);
      if (interval != nullptr) {
        asked.low.push_back(interval->low);
        asked.high.push_back(interval->high);
      }
      asked.hover.push_back(fmt::format("C {} · N* {} · D* {} · {:.3f} nats", power_text(a.flops),
                                        short_count(a.params), short_count(a.tokens), a.loss_nats));
    }
    if (asked.low.size() != asked.x.size()) asked.low.clear(), asked.high.clear();
    if (!asked.x.empty()) panel.series.push_back(std::move(asked));
    figure.panels.push_back(std::move(panel));
  }
  return figure;
}

Figure cloud_figure(const Analysis& analysis) {
  Figure figure{
      .id = "cloud",
      .kind = FigureKind::allocation,
      .title = "Uncertainty of the exponents",
      .caption =
          "Every bootstrap refit as a point; a long thin cloud means that the data fix one combination of the "
          "exponents better than either."};
  const FitResult& fit = analysis.parametric;
  const auto& names = law_form(fit.law).parameters;
  const std::vector<std::size_t> exponents = law_form(fit.law).of_role(Role::exponent);
  if (exponents.size() < 2 || fit.bootstrap.draws.size() < 2 || fit.fitted.values.empty()) return figure;
  Panel panel{.title = "", .x = {names[exponents[0]], Scaling::linear}, .y = {names[exponents[1]], Scaling::linear}};
  Series draws{.name = "bootstrap refits", .mark = Mark::open_points, .color = "#56B4E9"};
  for (std::size_t i = 0; i < std::min(kMaxDraws, fit.bootstrap.draws.size()); ++i) {
    draws.x.push_back(fit.bootstrap.draws[i][exponents[0]]);
    draws.y.push_back(fit.bootstrap.draws[i][exponents[1]]);
  }
  panel.series.push_back(std::move(draws));
  panel.series.push_back({.name = "this study",
                          .mark = Mark::star,
                          .color = kFitColor,
                          .x = {fit.fitted.values[exponents[0]]},
                          .y = {fit.fitted.values[exponents[1]]}});
  const std::array<const char*, 2> colors = {"#009E73", "#CC79A7"};
  std::size_t i = 0;
  for (const char* name : {"hoffmann2022", "besiroglu2024"}) {
    const Law& law = published_law(name);
    if (law.kind != fit.law) continue;
    panel.series.push_back({.name = law.name,
                            .mark = Mark::cross,
                            .color = colors.at(i++),
                            .x = {law.values[exponents[0]]},
                            .y = {law.values[exponents[1]]}});
  }
  figure.panels.push_back(std::move(panel));
  return figure;
}

}  // namespace scalelaw::inline report
