#pragma once
// One description of a figure, drawn by Plotly in the page and by gnuplot as a file.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace scalelaw::inline report {

/// Okabe and Ito's colours (jfly.uni-koeln.de/color), told apart with any colour vision.
inline constexpr std::array<const char*, 6> kPalette = {"#0072B2", "#D55E00", "#009E73",
                                                        "#CC79A7", "#E69F00", "#56B4E9"};

/// Colour i of n: the palette where it suffices, else a dark to light scale for ordered things (viridis without its
/// yellow).
[[nodiscard]] std::string series_color(std::size_t i, std::size_t n);

enum class Scaling { linear, log_counts, log_powers, log_plain };  ///< log axes: ticks as 20k, as 10¹¹, as 0.002

struct Axis {
  std::string title;  ///< with the unit
  Scaling scaling = Scaling::linear;
  std::vector<std::string> categories = {};  ///< labels at 1, 2, ... instead of numbers; of a linear axis
};

enum class Mark { line, dashed, dotted, points, open_points, star, cross, band };

struct Series {
  std::string name;
  Mark mark = Mark::points;
  std::string color;
  std::vector<double> x = {}, y = {};
  std::vector<double> low = {}, high = {};  ///< edges of a band, or ends of the error bars of points; else empty
  std::vector<std::string> hover = {};      ///< plain text per point, or empty
  bool legend = true;
  std::string group = {};  ///< series of one group are shown and hidden together
};

/// z over a grid: z[j][i] at (x[i], y[j]), drawn as a contour map under the panel's series.
struct Surface {
  std::vector<double> x, y;
  std::vector<std::vector<double>> z;
  std::string title;  ///< of z, with the unit
  std::vector<double> point_x = {}, point_y = {},
                      point_z = {};  ///< points drawn on it with the colours of the same scale
  std::vector<std::string> hover = {};
  double low = 0, high = 1;  ///< ends of the colour scale
};

struct Panel {
  std::string title;
  Axis x, y;
  std::vector<Series> series = {};
  std::optional<Surface> surface = std::nullopt;
};

/// What a figure shows.
enum class FigureKind { answer, isoflop, surface, allocation, sweeps, curves, comparison, rollout };
constexpr std::array<std::string_view, 8> names_of(FigureKind) {
  return {"answer", "isoflop", "surface", "allocation", "sweeps", "curves", "comparison", "rollout"};
}

/// Format of a figure's file, by its ending.
enum class FigureFormat { svg, png, pdf };
constexpr std::array<std::string_view, 3> names_of(FigureFormat) { return {"svg", "png", "pdf"}; }

struct Figure {
  std::string id;  ///< file name and element id: letters, digits, '_'
  FigureKind kind = FigureKind::curves;
  std::string title;
  std::string caption;  ///< how to read it; plain text
  std::vector<Panel> panels = {};
  int columns = 1;
  int panel_height = 430;     ///< pixels
  bool legend_below = false;  ///< in the page, of a single panel: below it instead of at its right
};

/// What an axis has to show: everything drawn, with 4 % of room (of the logarithm on log axes; none around a surface).
struct Span {
  double low = 0, high = 0;
};
[[nodiscard]] Span x_span(const Panel& panel);
[[nodiscard]] Span y_span(const Panel& panel);

/// Ticks of a log axis with their labels: decades over long ranges, 1-2-5 over short ones, more over the shortest.
struct Tick {
  double at = 0;
  std::string label;
};
[[nodiscard]] std::vector<Tick> log_ticks(const Span& span, Scaling scaling);

}  // namespace scalelaw::inline report
