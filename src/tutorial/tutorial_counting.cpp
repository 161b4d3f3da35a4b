#include "tutorial/tutorial_counting.hpp"

#include <array>
#include <cmath>

#include "analysis/analysis.hpp"
#include "analysis/sources.hpp"
#include "core/format.hpp"
#include "core/stats.hpp"
#include "inference/frontier.hpp"
#include "report/series.hpp"
#include "tutorial/tutorial_parts.hpp"

namespace scalelaw::inline tutorial {
namespace {

struct Count {
  ParamsCount convention;
  const char* label;
  const char* paper;
};
constexpr std::array<Count, 2> kCounts = {
    {{ParamsCount::total, "all parameters", "0.50 (Hoffmann et al. 2022, approach 1)"},
     {ParamsCount::non_embedding, "without embeddings", "0.73 (Kaplan et al. 2020)"}}};

/// N* against C as points, and the power law through them.
void add_frontier(Panel& panel, const Frontier& frontier, const char* label, const char* color) {
  Series points{.name = label, .mark = Mark::open_points, .color = color};
  std::vector<double> ln_c, ln_n;
  for (const FrontierPoint& p : frontier.points) {
    points.x.push_back(p.flops);
    points.y.push_back(p.params);
    ln_c.push_back(std::log(p.flops));
    ln_n.push_back(std::log(p.params));
  }
  const Line fitted = fit_line(ln_c, ln_n);
  Series line{.name = fmt::format("C^{:.3f}", fitted.slope), .mark = Mark::line, .color = color};
  for (const double x : {points.x.front(), points.x.back()}) {
    line.x.push_back(x);
    line.y.push_back(std::exp(fitted.intercept + fitted.slope * std::log(x)));
  }
  panel.series.push_back(std::move(points));
  panel.series.push_back(std::move(line));
}

}  // namespace

TutorialPage counting_page(const std::vector<RunRecord>& records) {
  TutorialPage page{.name = "counting"};
  page.numbers = {{"source", source_text(records)}, {"runs", records.size()}, {"counts", Json::array()}};
  Panel panel{.title = "", .x = flops_axis(), .y = {"N* (parameters)", Scaling::log_counts}};
  std::vector<std::vector<std::string>> rows;
  std::int64_t smallest = 0, largest = 0;
  for (const RunRecord& record : records) {
    const std::int64_t n = record.params.non_embedding;
    if (smallest == 0 || n < smallest) smallest = n;
    if (n > largest) largest = n;
  }
  for (std::size_t i = 0; i < kCounts.size(); ++i) {
    const auto& [convention, label, paper] = kCounts.at(i);
    std::vector<Observation> points;
    for (const RunRecord& record : records) {
      if (const auto point = observe(record, {.params = convention})) points.push_back(*point);
    }
    const auto frontier = compute_frontier(points);
    if (!frontier)
      fail_data(
          "counting: {} runs, too few for a compute frontier (3 sizes, each at 2 numbers of tokens); run its "
          "study (configs/tutorial) to the end",
          points.size());
    rows.push_back({label, fmt::format("{:.3f}", frontier->params_exponent),
                    fmt::format("{:.3f}", frontier->tokens_exponent), fmt::format("{:.3f}", frontier->loss_exponent),
                    paper});
    page.numbers["counts"].push_back({{"convention", convention},
                                      {"a", frontier->params_exponent},
                                      {"b", frontier->tokens_exponent},
                                      {"loss_exponent", frontier->loss_exponent},
                                      {"budgets", frontier->points.size()}});
    add_frontier(panel, *frontier, label, kPalette.at(i));
  }
  page.text = fmt::format(
      "The same runs under two counts of N ({} runs, {}, {} to {} parameters without embeddings)\n\n{}\nEach row "
      "counts N "
      "and C = 6ND in its own way and reads the exponents off the compute frontier of the same losses. Small models "
      "are "
      "mostly embeddings, so leaving these out makes the optimum seem to grow faster (Pearce and Song 2024, arXiv "
      "2406.12907): most of the distance between the two papers is counting.\n",
      records.size(), source_text(records), short_count(static_cast<double>(smallest)),
      short_count(static_cast<double>(largest)),
      text_table({"N counts", "N* ~ C^", "D* ~ C^", "L* ~ C^-", "reported"}, rows));
  page.figure = {
      .id = "counting",
      .kind = FigureKind::allocation,
      .title = fmt::format("One study, two counts of N ({})", source_text(records)),
      .caption = "Points: the best size at each compute, N and C counted in the same way. Lines: power laws.",
      .panels = {panel}};
  return page;
}

}  // namespace scalelaw::inline tutorial
