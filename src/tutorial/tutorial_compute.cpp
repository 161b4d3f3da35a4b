// Tutorial pages of compute: the optimum at each budget, and ways to miss it. Nothing here knows whether runs were
// trained or simulated.
#include "tutorial/tutorial_compute.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "analysis/analysis.hpp"
#include "analysis/sources.hpp"
#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/fit.hpp"
#include "fit/valley.hpp"
#include "law/optimum.hpp"
#include "os/error.hpp"
#include "report/series.hpp"
#include "tutorial/tutorial_parts.hpp"

namespace scalelaw::inline tutorial {
namespace {

/// 95 % Student's t interval of a mean; NaN ends for one value.
Interval mean_interval(const std::vector<double>& x) {
  if (x.size() < 2) return {NAN, NAN};
  const auto n = static_cast<double>(x.size());
  const double half = student_quantile(0.975, n - 1) * standard_deviation(x) / std::sqrt(n);
  return {mean(x) - half, mean(x) + half};
}

}  // namespace

TutorialPage compute_optimal_page(const std::vector<RunRecord>& records) {
  std::vector<Observation> points = tuned_points(records);
  assign_budgets(points, {});
  std::erase_if(points, [](const Observation& p) { return p.budget == 0; });
  need_points(points.size(), 9, "compute-optimal", "points at equal compute");
  const FitResult valleys =
      fit_points(points, {.method = Method::isoflop, .bootstrap = {.replicates = kDefaultReplicates}});
  TutorialPage page{.name = "compute-optimal"};
  page.numbers = {{"source", source_text(records)},
                  {"status", valleys.convergence.status},
                  {"a", nullptr},
                  {"b", nullptr},
                  {"loss_exponent", nullptr},
                  {"budgets", Json::array()}};
  std::vector<std::vector<std::string>> rows;
  std::vector<double> ln_c, ln_n, ln_d, ln_loss;
  for (const IsoflopBudget& b : valleys.isoflop().budgets) {
    const bool interior = has_minimum(b);
    rows.push_back({power_text(b.flops), std::to_string(b.points), interior ? short_count(b.params) : "–",
                    interior ? short_count(b.tokens) : "–", interior ? fmt::format("{:.3g}", b.tokens / b.params) : "–",
                    interior ? fmt::format("{:.4f}", b.loss_nats) : "–", std::string(name_of(b.status))});
    Json row = {{"flops", b.flops}, {"points", b.points}, {"status", b.status}};
    if (interior) {
      row["params"] = b.params, row["tokens"] = b.tokens, row["loss_nats"] = b.loss_nats;
      ln_c.push_back(std::log(b.flops));
      ln_n.push_back(std::log(b.params));
      ln_d.push_back(std::log(b.tokens));
      ln_loss.push_back(std::log(b.loss_nats));
    }
    page.numbers["budgets"].push_back(row);
  }
  page.text = fmt::format("The best model and data at each compute ({})\n\n{}\n", source_text(records),
                          text_table({"C (FLOPs)", "sizes", "N*", "D*", "D*/N*", "loss (nats)", "minimum"}, rows));
  if (!valleys.converged()) {
    page.text += fmt::format("Too few budgets have their minimum inside the sizes tried ({}): no exponents.\n",
                             valleys.convergence.status);
    return page;
  }
  const double a = valleys.derived.at("a"), b = valleys.derived.at("b");
  const Line loss_line = fit_line(ln_c, ln_loss);
  page.numbers["a"] = a, page.numbers["b"] = b, page.numbers["loss_exponent"] = -loss_line.slope;
  page.text += fmt::format(
      "N* ~ C^{}, D* ~ C^{} (95 % of the bootstrap); L* ~ C^-{:.3f} without an offset, over these "
      "budgets: ten times the compute lowers the loss by {:.1f} %.\n",
      interval_text(a, find_interval(valleys.bootstrap.derived_ci95, "a")),
      interval_text(b, find_interval(valleys.bootstrap.derived_ci95, "b")), -loss_line.slope,
      100 * (1 - std::pow(10, loss_line.slope)));
  Panel sizes{.title = "best model and data", .x = flops_axis(), .y = {"N*, D*", Scaling::log_counts}};
  Panel losses{.title = "loss at the optimum", .x = flops_axis(), .y = loss_axis()};
  const auto add = [&](Panel& panel, const char* name, const std::vector<double>& ln_y, const char* color) {
    const Line fitted = fit_line(ln_c, ln_y);
    Series points_of{.name = name, .mark = Mark::points, .color = color};
    Series line{.name = fmt::format("C^{:.3f}", fitted.slope), .mark = Mark::dashed, .color = color};
    for (std::size_t i = 0; i < ln_c.size(); ++i) {
      points_of.x.push_back(std::exp(ln_c[i]));
      points_of.y.push_back(std::exp(ln_y[i]));
      line.x.push_back(points_of.x.back());
      line.y.push_back(std::exp(fitted.intercept + fitted.slope * ln_c[i]));
    }
    panel.series.push_back(std::move(line));
    panel.series.push_back(std::move(points_of));
  };
  add(sizes, "N*", ln_n, kPalette[0]);
  add(sizes, "D*", ln_d, kPalette[1]);
  add(losses, "loss", ln_loss, kPalette[2]);
  page.figure = {
      .id = "compute_optimal",
      .kind = FigureKind::allocation,
      .title = fmt::format("Compute-optimal models ({})", source_text(records)),
      .caption = "Minima of a parabola in ln N at each budget; budgets with a minimum at the edge are left out.",
      .panels = {sizes, losses},
      .columns = 2};
  return page;
}

TutorialPage strategies_page(const std::vector<RunRecord>& records) {
  std::map<std::int64_t, std::vector<RunRecord>> by_seed;
  for (const RunRecord& record : records) by_seed[record.spec.seed].push_back(record);
  // losses[strategy][seed], smallest model first
  std::vector<std::vector<double>> losses(3);
  std::vector<Observation> shapes;
  for (const auto& [seed, of_seed] : by_seed) {
    shapes.clear();
    for (const auto& [point, index] : sorted_by(tuned_points(of_seed), true)) shapes.push_back(point);
    if (shapes.size() != 3)
      fail_data(
          "strategies: {} shapes with a loss at seed {}, the page compares 3; run its study (configs/tutorial) to "
          "the end",
          shapes.size(), seed);
    for (std::size_t i = 0; i < 3; ++i) losses[i].push_back(shapes[i].loss_nats);
  }
  need_points(by_seed.size(), 2, "strategies", "seeds");
  const std::array<const char*, 3> names = {"small model, much data", "balanced", "large model, little data"};
  TutorialPage page{.name = "strategies"};
  page.numbers = {{"source", source_text(records)}, {"seeds", by_seed.size()}, {"strategies", Json::array()}};
  std::vector<std::vector<std::string>> rows;
  Panel loss_panel{.title = "loss",
                   .x = {"", Scaling::linear, {"small", "balanced", "large"}},
                   .y = {"loss (nats/token)", Scaling::linear}};
  Panel share_panel{.title = "parameters and tokens, balanced = 1",
                    .x = {"N left, D right", Scaling::linear, {"small", "balanced", "large"}},
                    .y = {"times balanced", Scaling::log_plain}};
  bool beaten = false;
  std::size_t winner = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    if (mean(losses[i]) < mean(losses[winner])) winner = i;
    std::vector<double> excess;
    for (std::size_t s = 0; s < losses[i].size(); ++s) excess.push_back(losses[i][s] - losses[1][s]);
    const Interval ci = mean_interval(excess);
    if (i != 1 && ci.high < 0) beaten = true;
    const double sd = standard_deviation(losses[i]);
    page.numbers["strategies"].push_back({{"name", names.at(i)},
                                          {"shape", shapes[i].shape},
                                          {"params", shapes[i].params},
                                          {"tokens", shapes[i].tokens},
                                          {"flops", shapes[i].flops},
                                          {"loss_nats", mean(losses[i])},
                                          {"loss_sd_nats", sd},
                                          {"excess_nats", mean(excess)},
                                          {"excess_ci95", {ci.low, ci.high}}});
    rows.push_back({names.at(i), shapes[i].shape, short_count(shapes[i].params), short_count(shapes[i].tokens),
                    power_text(shapes[i].flops), fmt::format("{:.4f} ± {:.4f}", mean(losses[i]), sd),
                    i == 1 ? "–" : fmt::format("{:+.4f} [{:+.4f}, {:+.4f}]", mean(excess), ci.low, ci.high)});
    const double x = static_cast<double>(i) + 1;
    const auto bar = [&](Panel& panel, double from, double to, double bottom, double height, bool legend) {
      panel.series.push_back({.name = names.at(i),
                              .mark = Mark::band,
                              .color = kPalette.at(i),
                              .x = {from, to},
                              .low = {std::min(bottom, height), std::min(bottom, height)},
                              .high = {std::max(bottom, height), std::max(bottom, height)},
                              .legend = legend});
    };
    bar(loss_panel, x - 0.35, x + 0.35, 0, mean(losses[i]), false);
    loss_panel.series.push_back({.name = "± sd over seeds",
                                 .mark = Mark::points,
                                 .color = "#000000",
                                 .x = {x},
                                 .y = {mean(losses[i])},
                                 .low = {mean(losses[i]) - sd},
                                 .high = {mean(losses[i]) + sd},
                                 .legend = false});
    bar(share_panel, x - 0.35, x - 0.02, 1, shapes[i].params / shapes[1].params, true);
    bar(share_panel, x + 0.02, x + 0.35, 1, shapes[i].tokens / shapes[1].tokens, false);
  }
  page.numbers["winner"] = names.at(winner);
  page.numbers["balanced_beaten"] = beaten;
  page.text = fmt::format(
      "Three ways to spend the same compute ({}, {} seeds)\n\n{}\nLowest loss: {}. {}\n", source_text(records),
      by_seed.size(),
      text_table({"strategy", "shape", "N", "D", "C (FLOPs)", "loss (nats)", "against balanced (95 %)"}, rows),
      names.at(winner),
      beaten ? "Balanced was beaten by more than the noise of the seeds: here the balance lies elsewhere."
             : "Neither extreme beats balanced by more than the noise of the seeds.");
  page.figure = {
      .id = "strategies",
      .kind = FigureKind::curves,
      .title = fmt::format("Three ways to spend {} FLOPs ({})", power_text(shapes[1].flops), source_text(records)),
      .caption = "Left: mean loss over seeds. Right: parameters and tokens of each, as multiples of balanced.",
      .panels = {loss_panel, share_panel},
      .columns = 2};
  return page;
}

}  // namespace scalelaw::inline tutorial
