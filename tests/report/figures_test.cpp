// What the figures draw, as numbers.
#include "report/figures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "report/figures_runs.hpp"
#include "report/synthetic.hpp"

namespace scalelaw {
namespace {

/// Linear interpolation of a line in ln x.
double line_at(const Series& line, double x) {
  const auto at = std::ranges::lower_bound(line.x, x) - line.x.begin();
  const auto i = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(at, 1, std::ssize(line.x) - 1));
  const double t = std::log(x / line.x[i - 1]) / std::log(line.x[i] / line.x[i - 1]);
  return line.y[i - 1] + t * (line.y[i] - line.y[i - 1]);
}

TEST(LossFigure, PointsThatObeyTheLawLieOnTheLineOfTheirColour) {
  const Figure figure = loss_figure(test::toy_analysis());  // isoFLOP: no two shapes share a D
  ASSERT_EQ(figure.panels.size(), 2U);
  for (const Panel& panel : figure.panels) {
    std::map<std::string, const Series*> lines;
    std::size_t points = 0;
    for (const Series& series : panel.series) {
      if (series.mark == Mark::line) lines[series.group] = &series;
    }
    for (const Series& series : panel.series) {
      if (series.mark != Mark::points) continue;
      for (std::size_t i = 0; i < series.x.size(); ++i, ++points) {
        EXPECT_NEAR(series.y[i] / line_at(*lines.at(series.group), series.x[i]), 1, 1e-3) << panel.title;
      }
    }
    EXPECT_EQ(points, 24U) << panel.title;
  }
}

TEST(LossFigure, WithoutAFitPointsStandAsMeasured) {
  Analysis analysis = test::toy_analysis();
  analysis.parametric.fitted.values.clear();
  std::vector<double> measured, drawn;
  for (const Observation& point : analysis.selection.observations) measured.push_back(point.loss_nats);
  const Figure figure = loss_figure(analysis);
  for (const Series& series : figure.panels[0].series) {
    drawn.insert(drawn.end(), series.y.begin(), series.y.end());
  }
  std::ranges::sort(measured);
  std::ranges::sort(drawn);
  EXPECT_EQ(drawn, measured);
}

}  // namespace
}  // namespace scalelaw
