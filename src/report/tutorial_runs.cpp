// Tutorial pages of runs. Nothing here knows whether they were trained or simulated.
#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <map>

#include "core/error.hpp"
#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/fit.hpp"
#include "fit/select.hpp"
#include "report/analysis.hpp"
#include "report/series.hpp"
#include "report/tutorial.hpp"

namespace scalelaw {
namespace {

std::vector<Observation> tuned_points(const std::vector<RunRecord>& records) {
  return select_observations(records, {.convention = {}, .min_steps = 1}).observations;
}

/// A power law through the points. With so few of them least squares, and errors redrawn instead of points left out.
FitResult power_fit(const std::vector<Observation>& points, LawKind kind, bool offset) {
  return fit(points, {.law = kind,
                      .objective = {.kind = ObjectiveKind::log_mse},
                      .offset = offset,
                      .profile = false,
                      .bootstrap = {.replicates = 200, .resample = "parametric"}});
}

struct PowerFits {
  FitResult plain;   ///< (X/x)^alpha
  FitResult offset;  ///< E + (X/x)^alpha
  /// The offset where the runs can tell it.
  [[nodiscard]] const FitResult& best() const { return offset.converged() ? offset : plain; }
};

PowerFits power_fits(const std::vector<Observation>& points, LawKind kind, const char* page) {
  PowerFits fits{power_fit(points, kind, false), power_fit(points, kind, true)};
  if (!fits.plain.converged())
    fail_data("{}: the power law of these runs did not converge ({}); look at the losses of its records", page,
              fits.plain.convergence.status);
  return fits;
}

void need_points(std::size_t have, std::size_t need, const char* page, const char* what) {
  if (have < need)
    fail_data("{}: {} {} with a loss, the page needs {}; run its study (configs/tutorial) to the end", page, have, what,
              need);
}

std::string law_line(const FitResult& fit) {
  if (!fit.converged()) return fmt::format("with an offset: {}\n", status_text(fit));
  const double alpha = fit.fitted.value("alpha");
  const double offset = fit.fitted.value("E");
  return fmt::format("{}: alpha = {}{}\n", offset > 0 ? "with an offset E" : "without an offset",
                     interval_text(alpha, find_interval(fit.bootstrap.ci95, "alpha")),
                     offset > 0 ? ", E = " + interval_text(offset, find_interval(fit.bootstrap.ci95, "E")) : "");
}

/// Loss against N at one D, or against D at one N.
TutorialPage size_page(const std::vector<RunRecord>& records, bool by_params) {
  const char* name = by_params ? "model-size" : "data-size";
  std::vector<Observation> points;
  for (const auto& [point, index] : sorted_by(tuned_points(records), by_params)) points.push_back(point);
  need_points(points.size(), 4, name, "sizes");
  const PowerFits fits = power_fits(points, by_params ? LawKind::power_n : LawKind::power_d, name);
  const auto x_of = [by_params](const Observation& p) { return by_params ? p.params : p.tokens; };
  const auto at = [by_params](const Law& law, double x) {
    return predict_loss(law, by_params ? Scale{.params = x} : Scale{.tokens = x});
  };
  const Law& best = fits.best().fitted;
  const double top = x_of(points.back());
  const double doubling = 100 * (1 - at(best, top) / at(best, top / 2));

  TutorialPage page{.name = name};
  page.numbers = {{"source", source_text(records)},
                  {"alpha", fits.plain.fitted.value("alpha")},
                  {"alpha_with_offset", nullptr},
                  {"offset_nats", nullptr},
                  {"doubling_percent", doubling},
                  {"doubling_percent_without_offset", 100 * (1 - std::pow(2, -fits.plain.fitted.value("alpha")))},
                  {"points", Json::array()}};
  if (fits.offset.converged()) {
    page.numbers["alpha_with_offset"] = fits.offset.fitted.value("alpha");
    page.numbers["offset_nats"] = fits.offset.fitted.value("E");
  }
  std::vector<std::vector<std::string>> rows;
  Series measured{.name = source_text(records), .mark = Mark::points, .color = kPalette[0]};
  for (const Observation& p : points) {
    rows.push_back({p.shape, short_count(p.params), short_count(p.tokens), fmt::format("{:.4f}", p.loss_nats),
                    fmt::format("{:.4f}", at(best, x_of(p)))});
    page.numbers["points"].push_back(
        {{"params", p.params}, {"tokens", p.tokens}, {"loss_nats", p.loss_nats}, {"fitted_nats", at(best, x_of(p))}});
    measured.x.push_back(x_of(p));
    measured.y.push_back(p.loss_nats);
  }
  Panel panel{.title = "", .x = by_params ? params_axis() : tokens_axis(), .y = loss_axis()};
  for (const FitResult* fit : {&fits.plain, &fits.offset}) {
    if (!fit->converged()) continue;
    Series line{.name = fit == &fits.plain ? "power law" : "power law + E",
                .mark = fit == &fits.plain ? Mark::dashed : Mark::line,
                .color = kPalette[1]};
    for (const double x : log_space(range_of(points, by_params), 60)) {
      line.x.push_back(x);
      line.y.push_back(at(fit->fitted, x));
    }
    panel.series.push_back(std::move(line));
  }
  panel.series.push_back(std::move(measured));
  const std::string what = by_params ? "N" : "D";
  const std::string fixed =
      by_params ? short_count(points.front().tokens) + " tokens" : short_count(points.front().params) + " parameters";
  page.text = fmt::format(
      "Loss against {} at {} ({})\n\n{}\n{}{}From {} to {}, doubling {} lowers the fitted loss by {:.2f} %.\n",
      by_params ? "model size" : "training data", fixed, source_text(records),
      text_table({"shape", "N", "D", "loss (nats)", "fitted"}, rows), law_line(fits.plain), law_line(fits.offset),
      short_count(top / 2), short_count(top), what, doubling);
  page.figure = {.id = by_params ? "model_size" : "data_size",
                 .kind = "curves",
                 .title = fmt::format("Loss against {} at {} ({})", what, fixed, source_text(records)),
                 .caption = "Each point has its best learning rate.",
                 .panels = {panel}};
  return page;
}

/// 95 % Student's t interval of a mean; NaN ends for one value.
Interval mean_interval(const std::vector<double>& x) {
  if (x.size() < 2) return {NAN, NAN};
  const auto n = static_cast<double>(x.size());
  const double half =
      boost::math::quantile(boost::math::students_t(n - 1), 0.975) * standard_deviation(x) / std::sqrt(n);
  return {mean(x) - half, mean(x) + half};
}

}  // namespace

TutorialPage model_size_page(const std::vector<RunRecord>& records) { return size_page(records, true); }

TutorialPage data_size_page(const std::vector<RunRecord>& records) { return size_page(records, false); }

TutorialPage compute_optimal_page(const std::vector<RunRecord>& records) {
  std::vector<Observation> points = tuned_points(records);
  assign_budgets(points, {});
  std::erase_if(points, [](const Observation& p) { return p.budget == 0; });
  need_points(points.size(), 9, "compute-optimal", "points at equal compute");
  const FitResult valleys = fit(points, {.method = "isoflop", .bootstrap = {.replicates = 200}});
  TutorialPage page{.name = "compute-optimal"};
  page.numbers = {{"source", source_text(records)},
                  {"status", valleys.convergence.status},
                  {"a", nullptr},
                  {"b", nullptr},
                  {"loss_exponent", nullptr},
                  {"budgets", Json::array()}};
  std::vector<std::vector<std::string>> rows;
  std::vector<double> ln_c, ln_n, ln_d, ln_loss;
  for (const IsoflopBudget& b : valleys.budgets) {
    const bool interior = b.status == "interior";
    rows.push_back({power_text(b.flops), std::to_string(b.points), interior ? short_count(b.params) : "–",
                    interior ? short_count(b.tokens) : "–", interior ? fmt::format("{:.3g}", b.tokens / b.params) : "–",
                    interior ? fmt::format("{:.4f}", b.loss_nats) : "–", b.status});
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
      .kind = "allocation",
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
  Panel loss_panel{.title = "loss", .x = {"strategy", Scaling::linear}, .y = {"loss (nats/token)", Scaling::linear}};
  Panel share_panel{.title = "parameters and tokens, balanced = 1",
                    .x = {"strategy: N left, D right", Scaling::linear},
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
      .kind = "curves",
      .title = fmt::format("Three ways to spend {} FLOPs ({})", power_text(shapes[1].flops), source_text(records)),
      .caption = "Left: mean loss over seeds. Right: parameters and tokens of each, as multiples of balanced.",
      .panels = {loss_panel, share_panel},
      .columns = 2};
  return page;
}

TutorialPage extrapolate_page(const std::vector<RunRecord>& records) {
  std::vector<Observation> points = tuned_points(records);
  need_points(points.size(), 4, "extrapolate", "sizes");
  const PowerFits fits = power_fits(points, LawKind::power_n, "extrapolate");
  const FitResult& fit = fits.best();
  const double largest = fit.params_range.high;
  const auto interval_at = [&fit](double params) {
    std::vector<double> losses;
    for (const auto& draw : fit.bootstrap.draws) {
      Law law = fit.fitted;
      law.values = draw;
      losses.push_back(predict_loss(law, Scale{.params = params}));
    }
    const auto [low, high] = central_interval(losses, 0.95);
    return Interval{low, high};
  };
  if (fit.bootstrap.draws.size() < 40)
    fail_data(
        "extrapolate: only {} of {} bootstrap fits converged, too few for an interval; look at the losses of the "
        "records",
        fit.bootstrap.draws.size(), fit.bootstrap.replicates);
  struct Model {
    std::string name;
    double params = 0;
  };
  const std::vector<Model> models = {{"largest run", largest},
                                     {"", 1e6},
                                     {"", 1e8},
                                     {"size of GPT-2", 1.5e9},
                                     {"size of GPT-3", gpt3_scale().params},
                                     {"", 1e12}};
  TutorialPage page{.name = "extrapolate"};
  page.numbers = {{"source", source_text(records)},
                  {"offset", fits.offset.converged()},
                  {"largest_params", largest},
                  {"rows", Json::array()}};
  std::vector<std::vector<std::string>> rows;
  Series marks{.name = "GPT-2, GPT-3: their sizes only", .mark = Mark::star, .color = kPalette[1]};
  for (const auto& [name, params] : models) {
    const double loss = predict_loss(fit.fitted, Scale{.params = params});
    const Interval ci = interval_at(params);
    rows.push_back({name, short_count(params), fmt::format("{:.4f}", loss),
                    fmt::format("{:.4f} .. {:.4f}", ci.low, ci.high), fmt::format("{:.3g}", params / largest)});
    page.numbers["rows"].push_back({{"name", name},
                                    {"params", params},
                                    {"loss_nats", loss},
                                    {"ci95", {ci.low, ci.high}},
                                    {"extrapolation_factor", params / largest}});
    if (!name.starts_with("size")) continue;
    marks.x.push_back(params);
    marks.y.push_back(loss);
  }
  page.text = fmt::format(
      "The model-size law far beyond its runs ({})\n\n{}\n{}The intervals are of the law's constants alone: they take "
      "its "
      "form for granted. What may not be extrapolated: the loss of the real GPT-2 or GPT-3, which saw other text, "
      "other "
      "tokens and more of them; anything at another number of tokens than these runs' {}; and whether the power law "
      "goes "
      "on, which no run here can tell.\n",
      source_text(records), text_table({"", "N", "loss (nats)", "95 %", "times the largest run"}, rows), law_line(fit),
      short_count(points.front().tokens));
  Panel panel{.title = "", .x = params_axis(), .y = {"loss (nats/token)", Scaling::linear}};
  Series band{.name = "95 % of the bootstrap", .mark = Mark::band, .color = kPalette[0]};
  Series line{.name = "fitted law", .mark = Mark::line, .color = kPalette[0]};
  Series measured{.name = source_text(records), .mark = Mark::points, .color = "#000000"};
  for (const double params : log_space({fit.params_range.low, 1e12}, 60)) {
    const Interval ci = interval_at(params);
    band.x.push_back(params);
    band.low.push_back(ci.low);
    band.high.push_back(ci.high);
    line.x.push_back(params);
    line.y.push_back(predict_loss(fit.fitted, Scale{.params = params}));
  }
  for (const Observation& p : points) {
    measured.x.push_back(p.params);
    measured.y.push_back(p.loss_nats);
  }
  panel.series = {band, line, marks, measured};
  page.figure = {.id = "extrapolate",
                 .kind = "curves",
                 .title = fmt::format("Far beyond the runs ({})", source_text(records)),
                 .caption = "The band takes the form of the law for granted.",
                 .panels = {panel}};
  return page;
}

}  // namespace scalelaw
