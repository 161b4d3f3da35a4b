#include "report/gnuplot_script.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace scalelaw::inline report {
namespace {

/// A gnuplot string: in single quotes nothing is special but the quote itself, which is doubled. Line breaks would end
/// it.
std::string gnuplot_string(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'')
      out += "''";
    else if (static_cast<unsigned char>(c) < 0x20)
      out += ' ';
    else
      out += c;
  }
  return out + "'";
}

std::string axis_text(char letter, const Axis& axis, const Span& span) {
  std::string out = fmt::format("set {0}label {1}\nset {0}range [{2}:{3}]\n", letter, gnuplot_string(axis.title),
                                span.low, span.high);
  if (!axis.categories.empty()) {
    std::string ticks;
    for (std::size_t i = 0; i < axis.categories.size(); ++i)
      ticks += fmt::format("{}{} {}", i == 0 ? "" : ", ", gnuplot_string(axis.categories[i]), i + 1);
    return out + fmt::format("unset logscale {0}\nset {0}tics ({1}) rotate by -35\n", letter, ticks);
  }
  if (letter == 'x') out += "set xtics norotate\n";
  if (axis.scaling == Scaling::linear) return out + fmt::format("unset logscale {0}\nset {0}tics autofreq\n", letter);
  std::string ticks;
  for (const auto& tick : log_ticks(span, axis.scaling)) {
    ticks += fmt::format("{}{} {}", ticks.empty() ? "" : ", ", gnuplot_string(tick.label), tick.at);
  }
  return out + fmt::format("set logscale {0}\nset {0}tics ({1})\n", letter, ticks);
}

/// Data as a named block; the columns of a row are separated by blanks.
std::string data_block(const std::string& name, const Series& s) {
  std::string out = "$" + name + " << END\n";
  const bool ends = !s.low.empty();
  for (std::size_t i = 0; i < s.x.size(); ++i) {
    if (s.mark == Mark::band)
      out += fmt::format("{} {} {}\n", s.x[i], s.low[i], s.high[i]);
    else if (ends)
      out += fmt::format("{} {} {} {}\n", s.x[i], s.y[i], s.low[i], s.high[i]);
    else
      out += fmt::format("{} {}\n", s.x[i], s.y[i]);
  }
  return out + "END\n";
}

std::string plot_element(const std::string& name, const Series& s) {
  const std::string color = fmt::format("rgb {}", gnuplot_string(s.color));
  const std::string title = s.legend ? "title " + gnuplot_string(s.name) : "notitle";
  const std::string points = s.low.empty() ? "points" : "yerrorbars";
  switch (s.mark) {
    case Mark::line:
      return fmt::format("${} with lines lc {} lw 2 {}", name, color, title);
    case Mark::dashed:
      return fmt::format("${} with lines lc {} lw 2 dt 2 {}", name, color, title);
    case Mark::dotted:
      return fmt::format("${} with lines lc {} lw 2 dt 3 {}", name, color, title);
    case Mark::band:
      return fmt::format("${} with filledcurves lc {} fs transparent solid 0.15 noborder {}", name, color, title);
    case Mark::open_points:
      return fmt::format("${} with {} pt 6 ps 0.8 lc {} {}", name, points, color, title);
    case Mark::star:
      return fmt::format("${} with {} pt 3 ps 1.4 lw 2 lc {} {}", name, points, color, title);
    case Mark::cross:
      return fmt::format("${} with {} pt 2 ps 1.4 lw 2.5 lc {} {}", name, points, color, title);
    case Mark::points:
      break;
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
                   "END\nset view map\nunset grid\nset ylabel offset -3,0\nset cbrange [{0}:{1}]\nset cblabel {2}\nset "
                   "palette defined (0 '#440154', 1 '#3B528B', "
                   "2 '#21918C', 3 '#5EC962', 4 '#FDE725')\nset pm3d explicit\nunset key\n"
                   "splot ${3}grid with pm3d notitle, ${3}points using 1:2:(0) with points pt 7 ps 1.7 lc rgb "
                   "'#FFFFFF' notitle, "
                   "${3}points using 1:2:3 with points pt 7 ps 1.3 lc palette notitle\n",
                   s.low, s.high, gnuplot_string(s.title), name);
}

bool has_legend(const Panel& panel) { return std::ranges::any_of(panel.series, &Series::legend); }

/// Pixels that the legend beside a panel takes.
double legend_width(const Panel& panel) {
  std::size_t longest = 0;
  for (const auto& s : panel.series) {
    if (s.legend) longest = std::max(longest, s.name.size());
  }
  return longest == 0 ? 0 : 70 + 8.5 * static_cast<double>(longest);
}

/// Left and right end of the axes of every column, and the whole width, in pixels: columns are equally wide, legends
/// beside.
struct Columns {
  std::vector<double> left, right;
  double width = 0;
};

Columns columns_of(const Figure& figure) {
  constexpr double kLeft = 105, kRight = 25, kColorBar = 140;
  const auto count = static_cast<std::size_t>(figure.columns);
  const double axes = figure.columns == 1 ? 620 : figure.columns == 2 ? 450 : 330;
  Columns out;
  for (std::size_t c = 0; c < count; ++c) {
    double before = kLeft, beside = kRight;
    for (std::size_t i = c; i < figure.panels.size(); i += count) {
      beside = std::max(beside, legend_width(figure.panels[i]));
      if (!figure.panels[i].surface) continue;
      before = kLeft + 35;  // a map keeps its label further away
      beside = kColorBar;
    }
    out.left.push_back(out.width + before);
    out.right.push_back(out.left.back() + axes);
    out.width = out.right.back() + beside;
  }
  return out;
}

std::string panel_text(const Panel& panel, std::size_t index, double legend_at) {
  const std::string prefix = fmt::format("p{}", index);
  std::string out = fmt::format("set title {}\n", gnuplot_string(panel.title));
  out += axis_text('x', panel.x, x_span(panel)) + axis_text('y', panel.y, y_span(panel));
  if (panel.surface) return out + surface_text(*panel.surface, prefix);
  std::string plot;
  for (std::size_t i = 0; i < panel.series.size(); ++i) {
    if (panel.series[i].x.empty()) continue;
    const std::string name = fmt::format("{}s{}", prefix, i);
    out += data_block(name, panel.series[i]);
    plot += fmt::format("{}{}", plot.empty() ? "plot " : ", \\\n  ", plot_element(name, panel.series[i]));
  }
  out += has_legend(panel)
             ? fmt::format("set key at screen {:.5f}, graph 1 left top Left reverse samplen 2\n", legend_at)
             : std::string("unset key\n");
  return out + plot + "\n";
}

std::string terminal_text(FigureFormat format, int width, int height) {
  if (format == FigureFormat::svg) {
    return fmt::format("set terminal svg size {},{} noenhanced font 'DejaVu Sans,14' background rgb 'white'\n", width,
                       height);
  }
  if (format == FigureFormat::png) {
    return fmt::format("set terminal pngcairo size {},{} noenhanced font 'DejaVu Sans,12' background rgb 'white'\n",
                       width, height);
  }
  return fmt::format(
      "set terminal pdfcairo size {:.2f}in,{:.2f}in noenhanced font 'DejaVu Sans,10' background rgb 'white'\n",
      width / 96.0, height / 96.0);
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::string& output, FigureFormat format) {
  const auto columns = static_cast<std::size_t>(figure.columns);
  const std::size_t rows = (figure.panels.size() + columns - 1) / columns;
  const Columns places = columns_of(figure);
  const int panel_height = std::max(figure.panel_height, figure.columns == 3 ? 340 : 480);
  std::string out = "set encoding utf8\n";
  out += terminal_text(format, static_cast<int>(places.width), static_cast<int>(rows) * panel_height);
  out += "set output " + gnuplot_string(output) + "\n";
  out += "set border 3\nset tics nomirror out\nset grid lc rgb '#E6EAEE' lt 1\nset style fill noborder\n";
  if (figure.panels.size() > 1) out += fmt::format("set multiplot layout {},{}\n", rows, columns);
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    Panel panel = figure.panels[i];
    if (panel.title.empty()) panel.title = figure.title;
    const double right = places.right[i % columns];
    out += fmt::format("set lmargin at screen {:.5f}\nset rmargin at screen {:.5f}\n",
                       places.left[i % columns] / places.width, right / places.width);
    out += panel_text(panel, i, (right + 12) / places.width);
  }
  if (figure.panels.size() > 1) out += "unset multiplot\n";
  return out + "unset output\n";
}

}  // namespace scalelaw::inline report
