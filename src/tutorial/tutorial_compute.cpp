// Tutorial pages of compute: the optimum at each budget, and ways to miss it. Nothing here knows whether runs were
// trained or simulated.
#include "tutorial/tutorial_compute.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

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

/// The best model and data at each compute.
struct Valleys {
  std::string source;  ///< of the records, as source_text says it
  FitResult fit;
  std::vector<double> ln_c, ln_n, ln_d, ln_loss;  ///< of the minima, one for each budget that has one
};

Valleys valleys_of(const std::vector<RunRecord>& records) {
  std::vector<Observation> points = tuned_points(records);
  assign_budgets(points, {});
  std::erase_if(points, [](const Observation& p) { return p.budget == 0; });
  need_points(points.size(), 9, "compute-optimal", "points at equal compute");
  Valleys valleys{
      .source = source_text(records),
      .fit = fit_points(points, {.method = Method::isoflop, .bootstrap = {.replicates = kDefaultReplicates}}),
      .ln_c = {},
      .ln_n = {},
      .ln_d = {},
      .ln_loss = {}};
  for (const IsoflopBudget& b : valleys.fit.isoflop().budgets) {
    if (!has_minimum(b)) continue;
    valleys.ln_c.push_back(std::log(b.flops));
    valleys.ln_n.push_back(std::log(b.params));
    valleys.ln_d.push_back(std::log(b.tokens));
    valleys.ln_loss.push_back(std::log(b.loss_nats));
  }
  return valleys;
}

/// d ln L* / d ln C.
double loss_slope(const Valleys& valleys) { return fit_line(valleys.ln_c, valleys.ln_loss).slope; }

Json valley_numbers(const Valleys& valleys) {
  Json numbers = {{"source", valleys.source},
                  {"status", valleys.fit.convergence.status},
                  {"a", nullptr},
                  {"b", nullptr},
                  {"loss_exponent", nullptr},
                  {"budgets", Json::array()}};
  for (const IsoflopBudget& b : valleys.fit.isoflop().budgets) {
    Json row = {{"flops", b.flops}, {"points", b.points}, {"status", b.status}};
    if (has_minimum(b)) {
      row["params"] = b.params;
      row["tokens"] = b.tokens;
      row["loss_nats"] = b.loss_nats;
    }
    numbers["budgets"].push_back(row);
  }
  if (valleys.fit.converged()) {
    numbers["a"] = valleys.fit.derived.at("a");
    numbers["b"] = valleys.fit.derived.at("b");
    numbers["loss_exponent"] = -loss_slope(valleys);
  }
  return numbers;
}

std::string valley_text(const Valleys& valleys) {
  std::vector<std::vector<std::string>> rows;
  for (const IsoflopBudget& b : valleys.fit.isoflop().budgets) {
    const bool interior = has_minimum(b);
    rows.push_back({power_text(b.flops), std::to_string(b.points), interior ? short_count(b.params) : "–",
                    interior ? short_count(b.tokens) : "–", interior ? fmt::format("{:.3g}", b.tokens / b.params) : "–",
                    interior ? fmt::format("{:.4f}", b.loss_nats) : "–", std::string(name_of(b.status))});
  }
  const std::string table =
      fmt::format("The best model and data at each compute ({})\n\n{}\n", valleys.source,
                  text_table({"C (FLOPs)", "sizes", "N*", "D*", "D*/N*", "loss (nats)", "minimum"}, rows));
  if (!valleys.fit.converged()) {
    return table + fmt::format("Too few budgets have their minimum inside the sizes tried ({}): no exponents.\n",
                               valleys.fit.convergence.status);
  }
  const double slope = loss_slope(valleys);
  const auto exponent = [&](const char* name) {
    return interval_text(valleys.fit.derived.at(name), find_interval(valleys.fit.bootstrap.derived_ci95, name));
  };
  return table + fmt::format(
                     "N* ~ C^{}, D* ~ C^{} (95 % of the bootstrap); L* ~ C^-{:.3f} without an offset, over these "
                     "budgets: ten times the compute lowers the loss by {:.1f} %.\n",
                     exponent("a"), exponent("b"), -slope, 100 * (1 - std::pow(10, slope)));
}

/// Minima against C, and the power law through them.
void add_minima(Panel& panel, const char* name, const std::vector<double>& ln_c, const std::vector<double>& ln_y,
                const char* color) {
  const Line fitted = fit_line(ln_c, ln_y);
  Series minima{.name = name, .mark = Mark::points, .color = color};
  Series line{.name = fmt::format("C^{:.3f}", fitted.slope), .mark = Mark::dashed, .color = color};
  for (std::size_t i = 0; i < ln_c.size(); ++i) {
    minima.x.push_back(std::exp(ln_c[i]));
    minima.y.push_back(std::exp(ln_y[i]));
    line.x.push_back(minima.x.back());
    line.y.push_back(std::exp(fitted.intercept + fitted.slope * ln_c[i]));
  }
  panel.series.push_back(std::move(line));
  panel.series.push_back(std::move(minima));
}

/// Empty where there are no exponents to draw.
Figure valley_figure(const Valleys& valleys) {
  if (!valleys.fit.converged()) return {};
  Panel sizes{.title = "best model and data", .x = flops_axis(), .y = {"N*, D*", Scaling::log_counts}};
  add_minima(sizes, "N*", valleys.ln_c, valleys.ln_n, kPalette[0]);
  add_minima(sizes, "D*", valleys.ln_c, valleys.ln_d, kPalette[1]);
  Panel losses{.title = "loss at the optimum", .x = flops_axis(), .y = loss_axis()};
  add_minima(losses, "loss", valleys.ln_c, valleys.ln_loss, kPalette[2]);
  return {.id = "compute_optimal",
          .kind = FigureKind::allocation,
          .title = fmt::format("Compute-optimal models ({})", valleys.source),
          .caption = "Minima of a parabola in ln N at each budget; budgets with a minimum at the edge are left out.",
          .panels = {sizes, losses},
          .columns = 2};
}

/// One of the three ways to spend the same compute.
struct Strategy {
  const char* name = "";
  Observation run;             ///< its shape and scale
  std::vector<double> losses;  ///< nats, one for each seed
  double loss_nats = 0;        ///< mean over seeds
  double loss_sd_nats = 0;
  double excess_nats = 0;  ///< over the balanced run of the same seed, mean over seeds
  Interval excess_ci95;
};
constexpr std::size_t kBalanced = 1;

/// The three, smallest model first.
struct Strategies {
  std::string source;  ///< of the records, as source_text says it
  std::size_t seeds = 0;
  std::array<Strategy, 3> all;

  [[nodiscard]] const Strategy& balanced() const { return all[kBalanced]; }
  [[nodiscard]] const Strategy& winner() const { return *std::ranges::min_element(all, {}, &Strategy::loss_nats); }
  [[nodiscard]] bool balanced_is_beaten() const {
    const auto beats = [](const Strategy& s) { return s.excess_ci95.high < 0; };
    return beats(all.front()) || beats(all.back());
  }
};

Strategies strategies_of(const std::vector<RunRecord>& records) {
  std::map<std::int64_t, std::vector<RunRecord>> by_seed;
  for (const RunRecord& record : records) by_seed[record.spec.seed].push_back(record);
  Strategies out{.source = source_text(records), .seeds = by_seed.size(), .all = {}};
  out.all[0].name = "small model, much data";
  out.all[kBalanced].name = "balanced";
  out.all[2].name = "large model, little data";
  for (const auto& [seed, of_seed] : by_seed) {
    const auto shapes = sorted_by(tuned_points(of_seed), true);
    if (shapes.size() != out.all.size())
      fail_data(
          "strategies: {} shapes with a loss at seed {}, the page compares 3; run its study (configs/tutorial) to "
          "the end",
          shapes.size(), seed);
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      out.all.at(i).run = shapes[i].first;
      out.all.at(i).losses.push_back(shapes[i].first.loss_nats);
    }
  }
  need_points(out.seeds, 2, "strategies", "seeds");
  for (Strategy& s : out.all) {
    std::vector<double> excess;
    for (std::size_t i = 0; i < out.seeds; ++i) excess.push_back(s.losses[i] - out.balanced().losses[i]);
    s.loss_nats = mean(s.losses);
    s.loss_sd_nats = standard_deviation(s.losses);
    s.excess_nats = mean(excess);
    s.excess_ci95 = mean_interval(excess);
  }
  return out;
}

Json strategy_numbers(const Strategies& strategies) {
  Json numbers = {{"source", strategies.source},
                  {"seeds", strategies.seeds},
                  {"strategies", Json::array()},
                  {"winner", strategies.winner().name},
                  {"balanced_beaten", strategies.balanced_is_beaten()}};
  for (const Strategy& s : strategies.all) {
    numbers["strategies"].push_back({{"name", s.name},
                                     {"shape", s.run.shape},
                                     {"params", s.run.params},
                                     {"tokens", s.run.tokens},
                                     {"flops", s.run.flops},
                                     {"loss_nats", s.loss_nats},
                                     {"loss_sd_nats", s.loss_sd_nats},
                                     {"excess_nats", s.excess_nats},
                                     {"excess_ci95", {s.excess_ci95.low, s.excess_ci95.high}}});
  }
  return numbers;
}

std::string strategy_text(const Strategies& strategies) {
  std::vector<std::vector<std::string>> rows;
  for (const Strategy& s : strategies.all) {
    const std::string excess = &s == &strategies.balanced() ? "–"
                                                            : fmt::format("{:+.4f} [{:+.4f}, {:+.4f}]", s.excess_nats,
                                                                          s.excess_ci95.low, s.excess_ci95.high);
    rows.push_back({s.name, s.run.shape, short_count(s.run.params), short_count(s.run.tokens), power_text(s.run.flops),
                    fmt::format("{:.4f} ± {:.4f}", s.loss_nats, s.loss_sd_nats), excess});
  }
  return fmt::format(
      "Three ways to spend the same compute ({}, {} seeds)\n\n{}\nLowest loss: {}. {}\n", strategies.source,
      strategies.seeds,
      text_table({"strategy", "shape", "N", "D", "C (FLOPs)", "loss (nats)", "against balanced (95 %)"}, rows),
      strategies.winner().name,
      strategies.balanced_is_beaten()
          ? "Balanced was beaten by more than the noise of the seeds: here the balance lies elsewhere."
          : "Neither extreme beats balanced by more than the noise of the seeds.");
}

/// A bar over x from `x.low` to `x.high`, from `bottom` up or down to `end`.
Series bar(const Strategy& strategy, const char* color, const Interval& x, double bottom, double end, bool legend) {
  const auto [low, high] = std::minmax(bottom, end);
  return {.name = strategy.name,
          .mark = Mark::band,
          .color = color,
          .x = {x.low, x.high},
          .low = {low, low},
          .high = {high, high},
          .legend = legend};
}

Figure strategy_figure(const Strategies& strategies) {
  Panel losses{.title = "loss",
               .x = {"", Scaling::linear, {"small", "balanced", "large"}},
               .y = {"loss (nats/token)", Scaling::linear}};
  Panel shares{.title = "parameters and tokens, balanced = 1",
               .x = {"N left, D right", Scaling::linear, {"small", "balanced", "large"}},
               .y = {"times balanced", Scaling::log_plain}};
  const Observation& balanced = strategies.balanced().run;
  for (std::size_t i = 0; i < strategies.all.size(); ++i) {
    const Strategy& s = strategies.all.at(i);
    const char* color = kPalette.at(i);
    const double x = static_cast<double>(i) + 1;
    losses.series.push_back(bar(s, color, {x - 0.35, x + 0.35}, 0, s.loss_nats, false));
    losses.series.push_back({.name = "± sd over seeds",
                             .mark = Mark::points,
                             .color = "#000000",
                             .x = {x},
                             .y = {s.loss_nats},
                             .low = {s.loss_nats - s.loss_sd_nats},
                             .high = {s.loss_nats + s.loss_sd_nats},
                             .legend = false});
    shares.series.push_back(bar(s, color, {x - 0.35, x - 0.02}, 1, s.run.params / balanced.params, true));
    shares.series.push_back(bar(s, color, {x + 0.02, x + 0.35}, 1, s.run.tokens / balanced.tokens, false));
  }
  return {.id = "strategies",
          .kind = FigureKind::curves,
          .title = fmt::format("Three ways to spend {} FLOPs ({})", power_text(balanced.flops), strategies.source),
          .caption = "Left: mean loss over seeds. Right: parameters and tokens of each, as multiples of balanced.",
          .panels = {losses, shares},
          .columns = 2};
}

}  // namespace

TutorialPage compute_optimal_page(const std::vector<RunRecord>& records) {
  const Valleys valleys = valleys_of(records);
  return {.name = "compute-optimal",
          .text = valley_text(valleys),
          .numbers = valley_numbers(valleys),
          .figure = valley_figure(valleys)};
}

TutorialPage strategies_page(const std::vector<RunRecord>& records) {
  const Strategies strategies = strategies_of(records);
  return {.name = "strategies",
          .text = strategy_text(strategies),
          .numbers = strategy_numbers(strategies),
          .figure = strategy_figure(strategies)};
}

}  // namespace scalelaw::inline tutorial
