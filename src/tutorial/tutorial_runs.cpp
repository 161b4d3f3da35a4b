// Tutorial pages of one size varied: model, data. Nothing here knows whether they were trained or simulated.
#include "tutorial/tutorial_runs.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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
struct SizeRuns {
  bool by_params = true;
  std::string source;               ///< of the records, as source_text says it
  std::vector<Observation> points;  ///< by rising size
  PowerFits fits;

  [[nodiscard]] double size_of(const Observation& p) const { return by_params ? p.params : p.tokens; }
  [[nodiscard]] double loss_at(const Law& law, double size) const {
    return predict_loss(law, by_params ? Scale{.params = size} : Scale{.tokens = size});
  }
  [[nodiscard]] double fitted_loss(double size) const { return loss_at(fits.best().fitted, size); }
  [[nodiscard]] double largest() const { return size_of(points.back()); }
  /// What doubling the size up to the largest takes off the fitted loss, in per cent.
  [[nodiscard]] double doubling_percent() const {
    return 100 * (1 - fitted_loss(largest()) / fitted_loss(largest() / 2));
  }
  [[nodiscard]] const char* varied() const { return by_params ? "N" : "D"; }
  /// What all runs share: "1M tokens".
  [[nodiscard]] std::string held() const {
    return by_params ? short_count(points.front().tokens) + " tokens"
                     : short_count(points.front().params) + " parameters";
  }
};

SizeRuns size_runs(const std::vector<RunRecord>& records, bool by_params, const char* page) {
  SizeRuns runs{.by_params = by_params, .source = source_text(records), .points = {}, .fits = {}};
  for (const auto& [point, index] : sorted_by(tuned_points(records), by_params)) runs.points.push_back(point);
  need_points(runs.points.size(), 4, page, "sizes");
  runs.fits = power_fits(runs.points, by_params ? LawKind::power_n : LawKind::power_d, page);
  return runs;
}

Json size_numbers(const SizeRuns& runs) {
  const Law& plain = runs.fits.plain.fitted;
  Json numbers = {{"source", runs.source},
                  {"alpha", plain.value("alpha")},
                  {"alpha_with_offset", nullptr},
                  {"offset_nats", nullptr},
                  {"doubling_percent", runs.doubling_percent()},
                  {"doubling_percent_without_offset", 100 * (1 - std::pow(2, -plain.value("alpha")))},
                  {"points", Json::array()}};
  if (runs.fits.offset.converged()) {
    numbers["alpha_with_offset"] = runs.fits.offset.fitted.value("alpha");
    numbers["offset_nats"] = runs.fits.offset.fitted.value("E");
  }
  for (const Observation& p : runs.points) {
    numbers["points"].push_back({{"params", p.params},
                                 {"tokens", p.tokens},
                                 {"loss_nats", p.loss_nats},
                                 {"fitted_nats", runs.fitted_loss(runs.size_of(p))}});
  }
  return numbers;
}

std::string size_text(const SizeRuns& runs) {
  std::vector<std::vector<std::string>> rows;
  for (const Observation& p : runs.points) {
    rows.push_back({p.shape, short_count(p.params), short_count(p.tokens), fmt::format("{:.4f}", p.loss_nats),
                    fmt::format("{:.4f}", runs.fitted_loss(runs.size_of(p)))});
  }
  return fmt::format(
      "Loss against {} at {} ({})\n\n{}\n{}{}From {} to {}, doubling {} lowers the fitted loss by {:.2f} %.\n",
      runs.by_params ? "model size" : "training data", runs.held(), runs.source,
      text_table({"shape", "N", "D", "loss (nats)", "fitted"}, rows), law_line(runs.fits.plain),
      law_line(runs.fits.offset), short_count(runs.largest() / 2), short_count(runs.largest()), runs.varied(),
      runs.doubling_percent());
}

/// A law over the range of the runs.
Series size_line(const SizeRuns& runs, const Law& law, const char* name, Mark mark) {
  Series line{.name = name, .mark = mark, .color = kPalette[1]};
  for (const double x : log_space(range_of(runs.points, runs.by_params), 60)) {
    line.x.push_back(x);
    line.y.push_back(runs.loss_at(law, x));
  }
  return line;
}

Figure size_figure(const SizeRuns& runs) {
  Panel panel{.title = "", .x = runs.by_params ? params_axis() : tokens_axis(), .y = loss_axis()};
  const auto& [plain, offset] = runs.fits;
  if (plain.converged()) panel.series.push_back(size_line(runs, plain.fitted, "power law", Mark::dashed));
  if (offset.converged()) panel.series.push_back(size_line(runs, offset.fitted, "power law + E", Mark::line));
  Series measured{.name = runs.source, .mark = Mark::points, .color = kPalette[0]};
  for (const Observation& p : runs.points) {
    measured.x.push_back(runs.size_of(p));
    measured.y.push_back(p.loss_nats);
  }
  panel.series.push_back(std::move(measured));
  return {.id = runs.by_params ? "model_size" : "data_size",
          .kind = FigureKind::curves,
          .title = fmt::format("Loss against {} at {} ({})", runs.varied(), runs.held(), runs.source),
          .caption = "Each point has its best learning rate.",
          .panels = {panel}};
}

TutorialPage size_page(const std::vector<RunRecord>& records, bool by_params) {
  const char* name = by_params ? "model-size" : "data-size";
  const SizeRuns runs = size_runs(records, by_params, name);
  return {.name = name, .text = size_text(runs), .numbers = size_numbers(runs), .figure = size_figure(runs)};
}

/// The law of the model-size runs, to be read beyond them.
struct FarLaw {
  std::string source;               ///< of the records, as source_text says it
  std::vector<Observation> points;  ///< the runs
  PowerFits fits;

  [[nodiscard]] const FitResult& fit() const { return fits.best(); }
  [[nodiscard]] double loss_at(double params) const { return predict_loss(fit().fitted, Scale{.params = params}); }
  /// 95 % of the losses of the bootstrap.
  [[nodiscard]] Interval interval_at(double params) const {
    std::vector<double> losses;
    for (const auto& draw : fit().bootstrap.draws) {
      Law law = fit().fitted;
      law.values = draw;
      losses.push_back(predict_loss(law, Scale{.params = params}));
    }
    const auto [low, high] = central_interval(losses, 0.95);
    return {low, high};
  }
};

FarLaw far_law(const std::vector<RunRecord>& records) {
  FarLaw law{.source = source_text(records), .points = tuned_points(records), .fits = {}};
  need_points(law.points.size(), 4, "extrapolate", "sizes");
  law.fits = power_fits(law.points, LawKind::power_n, "extrapolate");
  const auto& bootstrap = law.fit().bootstrap;
  if (bootstrap.draws.size() < 40)
    fail_data(
        "extrapolate: only {} of {} bootstrap fits converged, too few for an interval; look at the losses of the "
        "records",
        bootstrap.draws.size(), bootstrap.replicates);
  return law;
}

/// A model size, and what the law says of it.
struct FarModel {
  std::string name;  ///< empty = a round number
  double params = 0;
  bool real = false;  ///< a model that others trained: only its size is known here
  double loss_nats = 0;
  Interval ci95 = {};
  double factor = 0;  ///< its size in units of the largest run's
};

std::vector<FarModel> far_models(const FarLaw& law) {
  const double largest = law.fit().params_range.high;
  std::vector<FarModel> models = {{.name = "largest run", .params = largest},
                                  {.name = "", .params = 1e6},
                                  {.name = "", .params = 1e8},
                                  {.name = "size of GPT-2", .params = 1.5e9, .real = true},
                                  {.name = "size of GPT-3", .params = gpt3_scale().params, .real = true},
                                  {.name = "", .params = 1e12}};
  for (FarModel& m : models) {
    m.loss_nats = law.loss_at(m.params);
    m.ci95 = law.interval_at(m.params);
    m.factor = m.params / largest;
  }
  return models;
}

Json far_numbers(const FarLaw& law, const std::vector<FarModel>& models) {
  Json numbers = {{"source", law.source},
                  {"offset", law.fits.offset.converged()},
                  {"largest_params", law.fit().params_range.high},
                  {"rows", Json::array()}};
  for (const FarModel& m : models) {
    numbers["rows"].push_back({{"name", m.name},
                               {"params", m.params},
                               {"loss_nats", m.loss_nats},
                               {"ci95", {m.ci95.low, m.ci95.high}},
                               {"extrapolation_factor", m.factor}});
  }
  return numbers;
}

std::string far_text(const FarLaw& law, const std::vector<FarModel>& models) {
  std::vector<std::vector<std::string>> rows;
  for (const FarModel& m : models) {
    rows.push_back({m.name, short_count(m.params), fmt::format("{:.4f}", m.loss_nats),
                    fmt::format("{:.4f} .. {:.4f}", m.ci95.low, m.ci95.high), factor_text(m.factor)});
  }
  return fmt::format(
      "The model-size law far beyond its runs ({})\n\n{}\n{}The intervals are of the law's constants alone: they take "
      "its form for granted. What may not be extrapolated: the loss of the real GPT-2 or GPT-3, which saw other text, "
      "other tokens and more of them; anything at another number of tokens than these runs' {}; and whether the power "
      "law goes on, which no run here can tell.\n",
      law.source, text_table({"", "N", "loss (nats)", "95 %", "times the largest run"}, rows), law_line(law.fit()),
      short_count(law.points.front().tokens));
}

Figure far_figure(const FarLaw& law, const std::vector<FarModel>& models) {
  Series band{.name = "95 % of the bootstrap", .mark = Mark::band, .color = kPalette[0]};
  Series line{.name = "fitted law", .mark = Mark::line, .color = kPalette[0]};
  for (const double params : log_space({law.fit().params_range.low, 1e12}, 60)) {
    const Interval ci = law.interval_at(params);
    band.x.push_back(params);
    band.low.push_back(ci.low);
    band.high.push_back(ci.high);
    line.x.push_back(params);
    line.y.push_back(law.loss_at(params));
  }
  Series marks{.name = "GPT-2, GPT-3: their sizes only", .mark = Mark::star, .color = kPalette[1]};
  for (const FarModel& m : models) {
    if (!m.real) continue;
    marks.x.push_back(m.params);
    marks.y.push_back(m.loss_nats);
  }
  Series measured{.name = law.source, .mark = Mark::points, .color = "#000000"};
  for (const Observation& p : law.points) {
    measured.x.push_back(p.params);
    measured.y.push_back(p.loss_nats);
  }
  Panel panel{.title = "", .x = params_axis(), .y = {"loss (nats/token)", Scaling::linear}};
  panel.series = {band, line, marks, measured};
  return {.id = "extrapolate",
          .kind = FigureKind::curves,
          .title = fmt::format("Far beyond the runs ({})", law.source),
          .caption = "The band takes the form of the law for granted.",
          .panels = {panel}};
}

}  // namespace

TutorialPage model_size_page(const std::vector<RunRecord>& records) { return size_page(records, true); }

TutorialPage data_size_page(const std::vector<RunRecord>& records) { return size_page(records, false); }

TutorialPage extrapolate_page(const std::vector<RunRecord>& records) {
  const FarLaw law = far_law(records);
  const std::vector<FarModel> models = far_models(law);
  return {.name = "extrapolate",
          .text = far_text(law, models),
          .numbers = far_numbers(law, models),
          .figure = far_figure(law, models)};
}

}  // namespace scalelaw::inline tutorial
