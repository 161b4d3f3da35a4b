// Figures as gnuplot scripts.
#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "report/gnuplot.hpp"
#include "report/text.hpp"

namespace scalelaw {
namespace {

/// A gnuplot string: in single quotes nothing is special but the quote itself, which is doubled. Line breaks would end it.
std::string gnuplot_string(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += "''";
    else if (static_cast<unsigned char>(c) < 0x20) out += ' ';
    else out += c;
  }
  return out + "'";
}

struct Range {
  double low = INFINITY, high = -INFINITY;
  void add(double x) {
    if (!std::isfinite(x)) return;
    low = std::min(low, x);
    high = std::max(high, x);
  }
};

/// All that the axis must show, with 4 % of room on either side (of the logarithm on log axes).
Range padded(Range range, bool log) {
  if (!(range.low <= range.high)) return {1, 10};
  if (log) {
    const double room = std::max(0.04 * std::log(range.high / range.low), 0.02);
    return {range.low * std::exp(-room), range.high * std::exp(room)};
  }
  const double room = range.high > range.low ? 0.04 * (range.high - range.low) : std::max(0.1 * std::abs(range.low), 0.1);
  return {range.low - room, range.high + room};
}

std::string tick_text(double x, Scaling scaling) { return scaling == Scaling::log_powers ? power_text(x) : short_count(x); }

/// Ticks of a log axis: decades over long ranges, 1-2-5 over short ones, more over the shortest.
std::string log_ticks(const Range& range, Scaling scaling) {
  const double decades = std::log10(range.high / range.low);
  std::vector<double> steps = {1};
  if (decades < 0.7) steps = {1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9};
  else if (decades < 2.5) steps = {1, 2, 5};
  const int every = std::max(1, static_cast<int>(std::ceil(decades / 8)));
  std::string out;
  for (int k = static_cast<int>(std::floor(std::log10(range.low))); k <= std::log10(range.high); ++k) {
    if (steps.size() == 1 && k % every != 0) continue;
    for (const double step : steps) {
      const double x = step * std::pow(10.0, k);
      if (x < range.low || x > range.high) continue;
      out += fmt::format("{}{} {}", out.empty() ? "" : ", ", gnuplot_string(tick_text(x, scaling)), x);
    }
  }
  return out;
}

std::string axis_text(char letter, const Axis& axis, const Range& data) {
  const bool log = axis.scaling != Scaling::linear;
  const Range range = padded(data, log);
  std::string out = fmt::format("set {0}label {1}\nset {0}range [{2}:{3}]\n", letter, gnuplot_string(axis.title), range.low, range.high);
  if (log) return out + fmt::format("set logscale {0}\nset {0}tics ({1})\n", letter, log_ticks(range, axis.scaling));
  return out + fmt::format("unset logscale {0}\nset {0}tics autofreq\n", letter);
}

/// Data as a named block; the columns of a row are separated by blanks.
std::string data_block(const std::string& name, const Series& s) {
  std::string out = "$" + name + " << END\n";
  const bool ends = !s.low.empty();
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (s.mark == Mark::band) out += fmt::format("{} {} {}\n", s.x[i], s.low[i], s.high[i]);
    else if (ends) out += fmt::format("{} {} {} {}\n", s.x[i], s.y[i], s.low[i], s.high[i]);
    else out += fmt::format("{} {}\n", s.x[i], s.y[i]);
  }
  return out + "END\n";
}

std::string plot_element(const std::string& name, const Series& s) {
  const std::string color = fmt::format("rgb {}", gnuplot_string(s.color));
  const std::string title = s.legend ? "title " + gnuplot_string(s.name) : "notitle";
  const std::string points = s.low.empty() ? "points" : "yerrorbars";
  switch (s.mark) {
    case Mark::line: return fmt::format("${} with lines lc {} lw 2 {}", name, color, title);
    case Mark::dashed: return fmt::format("${} with lines lc {} lw 2 dt 2 {}", name, color, title);
    case Mark::dotted: return fmt::format("${} with lines lc {} lw 2 dt 3 {}", name, color, title);
    case Mark::band: return fmt::format("${} with filledcurves lc {} fs transparent solid 0.15 noborder {}", name, color, title);
    case Mark::open_points: return fmt::format("${} with {} pt 6 ps 0.8 lc {} {}", name, points, color, title);
    case Mark::star: return fmt::format("${} with {} pt 3 ps 1.4 lw 2 lc {} {}", name, points, color, title);
    case Mark::cross: return fmt::format("${} with {} pt 2 ps 1.4 lw 2.5 lc {} {}", name, points, color, title);
    case Mark::points: break;
  }
  return fmt::format("${} with {} pt 7 ps 0.8 lc {} {}", name, points, color, title);
}

std::string surface_text(const Surface& s, const std::string& name) {
  std::string out = "$" + name + "grid << END\n";
  for (std::size_t j = 0; j < s.y.size(); ++j) {
    for (std::size_t i = 0; i < s.x.size(); ++i) out += fmt::format("{} {} {}\n", s.x[i], s.y[j], s.z[j][i]);
    out += "\n";
  }
  out += "END\n$" + name + "points << END\n";
  for (std::size_t i = 0; i < s.point_x.size(); ++i) {
    out += fmt::format("{} {} {}\n", s.point_x[i], s.point_y[i], s.point_z[i]);
  }
  // White discs below the coloured ones make the rim that sets a point off from the map.
  return out + fmt::format(
                   "END\nset view map\nset cbrange [{0}:{1}]\nset cblabel {2}\nset palette defined (0 '#440154', 1 '#3B528B', "
                   "2 '#21918C', 3 '#5EC962', 4 '#FDE725')\nset pm3d explicit\nunset key\n"
                   "splot ${3}grid with pm3d notitle, ${3}points using 1:2:(0) with points pt 7 ps 1.7 lc rgb '#FFFFFF' notitle, "
                   "${3}points using 1:2:3 with points pt 7 ps 1.3 lc palette notitle\n",
                   s.low, s.high, gnuplot_string(s.title), name);
}

std::string panel_text(const Panel& panel, std::size_t index) {
  const std::string prefix = fmt::format("p{}", index);
  Range x, y;
  for (const auto& s : panel.series) {
    for (const double v : s.x) x.add(v);
    for (const auto* values : {&s.y, &s.low, &s.high}) {
      for (const double v : *values) y.add(v);
    }
  }
  if (panel.surface) {
    for (const double v : panel.surface->x) x.add(v);
    for (const double v : panel.surface->y) y.add(v);
  }
  std::string out = fmt::format("set title {}\n", gnuplot_string(panel.title));
  out += axis_text('x', panel.x, x) + axis_text('y', panel.y, y);
  if (panel.surface) return out + surface_text(*panel.surface, prefix);
  std::string plot;
  bool legend = false;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].x.empty()) continue;
    const std::string name = fmt::format("{}s{}", prefix, i);
    out += data_block(name, panel.series[i]);
    plot += fmt::format("{}{}", plot.empty() ? "plot " : ", \\\n  ", plot_element(name, panel.series[i]));
    legend = legend || panel.series[i].legend;
  }
  out += legend ? "set key below width 1 samplen 2\n" : "unset key\n";
  return out + plot + "\n";
}

std::string terminal_text(const std::string& format, int width, int height) {
  if (format == "svg") {
    return fmt::format("set terminal svg size {},{} noenhanced font 'DejaVu Sans,14' background rgb 'white'\n", width, height);
  }
  if (format == "png") {
    return fmt::format("set terminal pngcairo size {},{} noenhanced font 'DejaVu Sans,12' background rgb 'white'\n", width,
                       height);
  }
  return fmt::format("set terminal pdfcairo size {:.2f}in,{:.2f}in noenhanced font 'DejaVu Sans,10' background rgb 'white'\n",
                     width / 96.0, height / 96.0);
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::string& output, const std::string& format) {
  const auto columns = static_cast<std::size_t>(figure.columns);
  const std::size_t rows = (figure.panels.size() + columns - 1) / columns;
  const int panel_width = figure.columns == 1 ? 860 : figure.columns == 2 ? 620 : 440;
  const int panel_height = std::max(figure.panel_height, figure.columns == 3 ? 340 : 480);
  std::string out = "set encoding utf8\n";
  out += terminal_text(format, figure.columns * panel_width, static_cast<int>(rows) * panel_height);
  out += "set output " + gnuplot_string(output) + "\n";
  out += "set border 3\nset tics nomirror out\nset grid lc rgb '#E6EAEE' lt 1\nset style fill noborder\n";
  if (figure.panels.size() > 1) out += fmt::format("set multiplot layout {},{}\n", rows, columns);
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    Panel panel = figure.panels[i];
    if (panel.title.empty()) panel.title = figure.title;
    out += panel_text(panel, i);
  }
  if (figure.panels.size() > 1) out += "unset multiplot\n";
  return out + "unset output\n";
}

}  // namespace scalelaw
