#include "tutorial/tutorial_laws.hpp"

#include <cmath>
#include <limits>

#include "alloc/optimum.hpp"
#include "core/format.hpp"
#include "law/laws.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "os/error.hpp"
#include "report/series.hpp"

namespace scalelaw::inline tutorial {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct TableRow {
  double params = 0, flops = 0, tokens = 0;
};

// Hoffmann et al. 2022, arXiv 2203.15556, Table 3.
const std::vector<TableRow>& approach1_table() {
  static const std::vector<TableRow> rows = {
      {400e6, 1.92e19, 8.0e9},   {1e9, 1.21e20, 20.2e9},   {10e9, 1.23e22, 205.1e9},
      {67e9, 5.76e23, 1.5e12},   {175e9, 3.85e24, 3.7e12}, {280e9, 9.90e24, 5.9e12},
      {520e9, 3.43e25, 11.0e12}, {1e12, 1.27e26, 21.2e12}, {10e12, 1.30e28, 216.2e12}};
  return rows;
}
// Table A3 of the same, approach 2.
const std::vector<TableRow>& approach2_table() {
  static const std::vector<TableRow> rows = {
      {400e6, 1.84e19, 7.7e9},   {1e9, 1.20e20, 20.0e9},   {10e9, 1.32e22, 219.5e9},
      {67e9, 6.88e23, 1.7e12},   {175e9, 4.54e24, 4.3e12}, {280e9, 1.18e25, 7.1e12},
      {520e9, 4.19e25, 13.4e12}, {1e12, 1.59e26, 26.5e12}, {10e12, 1.75e28, 292.0e12}};
  return rows;
}

struct SourceOptimum {
  std::string source;
  Scale scale;
  double loss_nats = kNan;  ///< NaN where the source knows no loss
};

/// Where each published source would spend `flops`. The joint law of Kaplan et al. has a loss, their N*(C) has not.
std::vector<SourceOptimum> source_optima(double flops, const char* kaplan) {
  std::vector<SourceOptimum> out;
  const auto add_law = [&](const char* name) {
    const Optimum best = compute_optimal(published_law(name), flops);
    out.push_back({name, best.scale, best.loss_nats});
  };
  add_law(kaplan);
  out.push_back({"hoffmann2022 approach 1 (table)", hoffmann_table_optimum(1, flops)});
  out.push_back({"hoffmann2022 approach 2 (table)", hoffmann_table_optimum(2, flops)});
  add_law("hoffmann2022");
  add_law("besiroglu2024");
  return out;
}

std::string loss_text(double nats) { return std::isfinite(nats) ? fmt::format("{:.4f}", nats) : "–"; }

}  // namespace

Scale gpt3_scale() { return {.params = 175e9, .tokens = 300e9}; }

Scale hoffmann_table_optimum(int approach, double flops) {
  if (approach != 1 && approach != 2)
    fail_config("Hoffmann et al. print tables of optima for approaches 1 and 2, not {}; approach 3 is hoffmann2022",
                approach);
  if (!(flops > 0) || !std::isfinite(flops))
    fail_config("a compute budget of {} FLOPs has no optimum; give a positive number", flops);
  const std::vector<TableRow>& rows = approach == 1 ? approach1_table() : approach2_table();
  std::size_t i = 0;
  while (i + 2 < rows.size() && flops > rows[i + 1].flops) ++i;
  const double t = std::log(flops / rows[i].flops) / std::log(rows[i + 1].flops / rows[i].flops);
  return {.params = rows[i].params * std::pow(rows[i + 1].params / rows[i].params, t),
          .tokens = rows[i].tokens * std::pow(rows[i + 1].tokens / rows[i].tokens, t)};
}

TutorialPage curve_page() {
  const Law& law = published_law("kaplan2020-n");
  const auto loss = [&](double params) { return predict_loss(law, Scale{.params = params}); };
  const double gpt3 = gpt3_scale().params;
  TutorialPage page{.name = "curve"};
  page.numbers["law"] = law.name;
  page.numbers["rows"] = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const double params : {1e6, 1e8, 1e10, gpt3}) {
    const double nats = loss(params);
    rows.push_back({short_count(params), fmt::format("{:.4f}", nats), fmt::format("{:.4f}", nats / std::log(2.0)),
                    fmt::format("{:.2f}", std::exp(nats))});
    page.numbers["rows"].push_back(
        {{"params", params}, {"loss_nats", nats}, {"loss_bits", nats / std::log(2.0)}, {"perplexity", std::exp(nats)}});
  }
  const double doubling = 100 * (1 - std::pow(2, -law.value("alpha")));
  page.numbers["doubling_percent"] = doubling;
  page.text = fmt::format(
      "Loss against model size: {}, L(N) = (X/N)^alpha\n\n{}\nAlpha = {}: every doubling of N lowers the loss by "
      "{:.2f} "
      "%, with data enough. N counts no embeddings; a token is one of 50,257 byte pairs of WebText2 ({}).\n",
      law.name, text_table({"N", "loss (nats/token)", "bits/token", "perplexity"}, rows), law.value("alpha"), doubling,
      law.source);
  Panel panel{.title = "", .x = params_axis(), .y = loss_axis()};
  Series line{.name = law.name, .mark = Mark::line, .color = kPalette[0]};
  for (const double params : log_space({1e6, 1e11}, 60)) {
    line.x.push_back(params);
    line.y.push_back(loss(params));
  }
  panel.series.push_back(std::move(line));
  panel.series.push_back(
      {.name = "GPT-3, 175B", .mark = Mark::star, .color = kPalette[1], .x = {gpt3}, .y = {loss(gpt3)}});
  page.figure = {.id = "curve",
                 .kind = FigureKind::curves,
                 .title = "Published loss against model size",
                 .caption = "The line ends at 1e11 parameters; GPT-3 lies beyond it.",
                 .panels = {panel}};
  return page;
}

TutorialPage allocation_page() {
  TutorialPage page{.name = "allocation"};
  page.numbers["rows"] = Json::array();
  std::vector<std::vector<std::string>> rows;
  std::vector<Series> params_lines, tokens_lines;
  for (const double flops : {1e18, 1e19, 1e20, 1e21, 1e22}) {
    const auto optima = source_optima(flops, "kaplan2020-optimal");
    for (std::size_t i = 0; i < optima.size(); ++i) {
      const auto& [source, scale, loss] = optima[i];
      rows.push_back({source, power_text(flops), short_count(scale.params), short_count(scale.tokens),
                      fmt::format("{:.3g}", scale.tokens / scale.params)});
      page.numbers["rows"].push_back({{"law", source},
                                      {"flops", flops},
                                      {"params", scale.params},
                                      {"tokens", scale.tokens},
                                      {"tokens_per_param", scale.tokens / scale.params},
                                      {"loss_nats", finite_or_null(loss)}});
      if (params_lines.size() <= i) {
        const Mark mark = i == 1 || i == 2 ? Mark::dashed : Mark::line;
        params_lines.push_back({.name = source, .mark = mark, .color = kPalette.at(i), .legend = false});
        tokens_lines.push_back({.name = source, .mark = mark, .color = kPalette.at(i)});
      }
      params_lines[i].x.push_back(flops);
      params_lines[i].y.push_back(scale.params);
      tokens_lines[i].x.push_back(flops);
      tokens_lines[i].y.push_back(scale.tokens);
    }
  }
  page.text = fmt::format(
      "Compute-optimal model and data, C = 6ND\n\n{}\nkaplan2020-optimal counts N without embeddings and takes C as "
      "the "
      "least compute, which training at the critical batch doubles; the tables of approaches 1 and 2 begin near 1.9e19 "
      "FLOPs, below that they are continued as power laws.\n",
      text_table({"source", "C (FLOPs)", "N*", "D*", "D*/N*"}, rows));
  Panel models{.title = "model", .x = flops_axis(), .y = {"N* (parameters)", Scaling::log_counts}};
  models.series = std::move(params_lines);
  Panel data{.title = "data", .x = flops_axis(), .y = {"D* (tokens)", Scaling::log_counts}};
  data.series = std::move(tokens_lines);
  page.figure = {.id = "allocation",
                 .kind = FigureKind::allocation,
                 .title = "Compute-optimal model and data under published laws",
                 .caption = "The laws count N and C in different ways; see the table's note.",
                 .panels = {models, data},
                 .columns = 2};
  return page;
}

TutorialPage gpt3_page() {
  const Scale gpt3 = gpt3_scale();
  const double flops = 6 * gpt3.params * gpt3.tokens;
  TutorialPage page{.name = "gpt3"};
  page.numbers = {{"flops", flops}, {"params", gpt3.params}, {"tokens", gpt3.tokens}, {"laws", Json::array()}};
  Panel panel{.title = "", .x = params_axis(), .y = {"D (training tokens)", Scaling::log_counts}};
  panel.series.push_back(
      {.name = "GPT-3", .mark = Mark::star, .color = "#000000", .x = {gpt3.params}, .y = {gpt3.tokens}});
  std::vector<std::vector<std::string>> rows;
  const auto optima = source_optima(flops, "kaplan2020-joint");
  for (std::size_t i = 0; i < optima.size(); ++i) {
    const auto& [source, scale, loss] = optima[i];
    Json row = {{"law", source},
                {"params", scale.params},
                {"tokens", scale.tokens},
                {"tokens_per_param", scale.tokens / scale.params},
                {"loss_nats", finite_or_null(loss)}};
    std::vector<std::string> cells = {
        source, short_count(scale.params), short_count(scale.tokens), loss_text(loss), "–", "–", "–"};
    if (std::isfinite(loss)) {
      const Law& law = published_law(source);
      const double spent = predict_loss(law, gpt3);
      const auto cheapest = optimum_with(law, OptimumQuantity::loss, spent, {});
      SCALELAW_CHECK(cheapest.has_value(), "a loss that GPT-3 reaches is reached by some optimum of {}", source);
      const double saving = 1 - cheapest->flops / flops;
      row["gpt3_loss_nats"] = spent;
      row["loss_saving_nats"] = spent - loss;
      row["flops_for_gpt3_loss"] = cheapest->flops;
      row["compute_saving"] = saving;
      cells[4] = loss_text(spent);
      cells[5] = loss_text(spent - loss);
      cells[6] = fmt::format("{:.1f} %", 100 * saving);
    }
    page.numbers["laws"].push_back(row);
    rows.push_back(cells);
    panel.series.push_back(
        {.name = source, .mark = Mark::points, .color = kPalette.at(i), .x = {scale.params}, .y = {scale.tokens}});
  }
  Series equal{.name = "equal compute", .mark = Mark::dotted, .color = "#888888"};
  for (const double params : log_space({2e10, 2e12}, 30)) {
    equal.x.push_back(params);
    equal.y.push_back(flops / (6 * params));
  }
  panel.series.push_back(std::move(equal));
  page.text = fmt::format(
      "GPT-3: {} parameters, {} tokens, 6ND = {} FLOPs, against the optimum for the same compute\n\n{}\nThe last "
      "column: how much less compute the law's own optimum needs for GPT-3's loss. Losses of different laws are of "
      "different texts and tokenizers, and kaplan2020-joint counts no embeddings: compare within a row only.\n",
      short_count(gpt3.params), short_count(gpt3.tokens), power_text(flops, 4),
      text_table({"source", "N*", "D*", "loss at the optimum", "loss of GPT-3", "saving (nats)", "saving (FLOPs)"},
                 rows));
  page.figure = {.id = "gpt3",
                 .kind = FigureKind::allocation,
                 .title = "GPT-3 and the optimum for its compute",
                 .caption = "Every point has GPT-3's 6ND, up to the rounding of the printed tables.",
                 .panels = {panel}};
  return page;
}

}  // namespace scalelaw::inline tutorial
