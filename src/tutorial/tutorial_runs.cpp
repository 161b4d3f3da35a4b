// Tutorial pages of one size varied: model, data. Nothing here knows whether they were trained or simulated.
#include "tutorial/tutorial_runs.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/analysis.hpp"
#include "analysis/sources.hpp"
#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/fit.hpp"
#include "os/error.hpp"
#include "report/series.hpp"
#include "tutorial/tutorial_laws.hpp"
#include "tutorial/tutorial_parts.hpp"

namespace scalelaw::inline tutorial {
namespace {

/// A power law through the points. With so few of them least squares, and errors redrawn instead of points left out.
FitResult power_fit(const std::vector<Observation>& points, LawKind kind, bool offset) {
  return fit_points(points, {.law = kind,
                             .objective = {.kind = ObjectiveKind::log_mse},
                             .offset = offset,
                             .profile = false,
                             .bootstrap = {.replicates = kDefaultReplicates}});
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
                 .kind = FigureKind::curves,
                 .title = fmt::format("Loss against {} at {} ({})", what, fixed, source_text(records)),
                 .caption = "Each point has its best learning rate.",
                 .panels = {panel}};
  return page;
}

}  // namespace

TutorialPage model_size_page(const std::vector<RunRecord>& records) { return size_page(records, true); }

TutorialPage data_size_page(const std::vector<RunRecord>& records) { return size_page(records, false); }

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
                    fmt::format("{:.4f} .. {:.4f}", ci.low, ci.high), factor_text(params / largest)});
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
                 .kind = FigureKind::curves,
                 .title = fmt::format("Far beyond the runs ({})", source_text(records)),
                 .caption = "The band takes the form of the law for granted.",
                 .panels = {panel}};
  return page;
}

}  // namespace scalelaw::inline tutorial
