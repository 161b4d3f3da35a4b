#include "report/figures_compare.hpp"

#include <cmath>

namespace scalelaw::inline report {
namespace {

/// Points with error bars beside the middle of each exponent's place.
Series estimates(const std::string& name, const char* color, double beside) {
  return {.name = name, .mark = beside < 0 ? Mark::points : Mark::open_points, .color = color};
}

void add(Series& series, double x, double y, const Interval& ci) {
  series.x.push_back(x);
  series.y.push_back(y);
  series.low.push_back(ci.low);
  series.high.push_back(ci.high);
}

const char* color_of(const ExponentComparison& e) {
  if (e.verdict == Verdict::equivalent) return kPalette[2];
  return e.verdict == Verdict::different && !e.within_margin ? kPalette[1] : "#666666";
}

/// One for each verdict that is drawn, without points.
std::vector<Series> verdict_series() {
  std::vector<Series> verdicts;
  for (const auto& [verdict, within_margin] : {std::pair(Verdict::equivalent, false),
                                               {Verdict::different, false},
                                               {Verdict::different, true},
                                               {Verdict::inconclusive, false}}) {
    ExponentComparison shown;
    shown.verdict = verdict;
    shown.within_margin = within_margin;
    verdicts.push_back({.name = verdict_text(shown), .mark = Mark::points, .color = color_of(shown)});
  }
  return verdicts;
}

}  // namespace

Figure comparison_figure(const Comparison& c) {
  Panel values{.title = "exponents, 95 %", .x = {"", Scaling::linear}, .y = {"value", Scaling::linear}};
  Panel differences{.title = "difference, 95 %", .x = {"", Scaling::linear}, .y = {"difference", Scaling::linear}};
  Series first = estimates(c.first, kPalette[0], -0.12), second = estimates(c.second, kPalette[3], 0.12);
  std::vector<double> margins;
  std::vector<Series> verdicts = verdict_series();
  for (const ExponentComparison& e : c.exponents) {
    if (e.verdict == Verdict::not_converged) continue;
    values.x.categories.push_back(e.name);
    const auto x = static_cast<double>(values.x.categories.size());
    add(first, x - 0.12, e.first, e.first_ci95);
    add(second, x + 0.12, e.second, e.second_ci95);
    margins.push_back(e.margin);
    for (Series& verdict : verdicts) {
      if (verdict.name == verdict_text(e)) add(verdict, x, e.difference, e.difference_ci95);
    }
  }
  if (values.x.categories.empty()) return {};
  differences.x = values.x;
  values.series = {first, second};
  const double end = static_cast<double>(values.x.categories.size()) + 0.5;
  Series margin{.name = c.margin.relative ? fmt::format("within ±{:g} %", 100 * c.margin.value)
                                          : fmt::format("within ±{:g}", c.margin.value),
                .mark = Mark::band,
                .color = kPalette[2]};
  for (std::size_t i = 0; i < margins.size(); ++i) {
    for (const double side : {0.5, 1.5}) {
      margin.x.push_back(static_cast<double>(i) + side);
      margin.low.push_back(-margins[i]);
      margin.high.push_back(margins[i]);
    }
  }
  differences.series.push_back(std::move(margin));
  differences.series.push_back({.name = "no difference",
                                .mark = Mark::dotted,
                                .color = "#888888",
                                .x = {0.5, end},
                                .y = {0, 0},
                                .legend = false});
  for (Series& verdict : verdicts) {
    if (!verdict.x.empty()) differences.series.push_back(std::move(verdict));
  }
  return {
      .id = "comparison",
      .kind = FigureKind::comparison,
      .title = fmt::format("{} against {}", c.first, c.second),
      .caption =
          "Left: both sides by the same estimator. Right: their difference; different where its 95 % interval excludes "
          "0, else equivalent where its 90 % interval lies within the margin.",
      .panels = {values, differences},
      .columns = 2};
}

}  // namespace scalelaw::inline report
