// Figures as Plotly's JSON. Only scatter and contour traces: scattergl would need 'unsafe-eval' in the page's policy.
#include "report/plotly.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/text.hpp"
#include "report/escape.hpp"

namespace scalelaw::inline report {
namespace {

struct Box {
  double left, right, bottom, top;
};

/// How panels and legends share the plot: one legend stands at the right of a single panel and below several; where
/// several panels have their own, each stands at the right of its panel.
struct Grid {
  std::size_t columns = 1, rows = 1;
  double gap_x = 0.09, gap_y = 0;
  bool legend_below = false;
  bool legend_each = false;
};

Grid grid_of(const Figure& figure) {
  Grid grid;
  grid.columns = static_cast<std::size_t>(figure.columns);
  grid.rows = (figure.panels.size() + grid.columns - 1) / grid.columns;
  const auto legends = std::ranges::count_if(
      figure.panels, [](const Panel& p) { return std::ranges::any_of(p.series, &Series::legend); });
  grid.legend_each = legends > 1;
  grid.legend_below = legends == 1 && (figure.panels.size() > 1 || figure.legend_below);
  if (grid.legend_each) grid.gap_x = 0.21;
  if (grid.rows > 1) {
    constexpr double kBetweenRows = 105;  // pixels: axis labels of one row, titles of the next
    grid.gap_y = kBetweenRows / static_cast<double>(static_cast<int>(grid.rows) * figure.panel_height);
  }
  return grid;
}

/// Place of panel i in units of the plot area, first row on top.
Box panel_box(std::size_t i, const Grid& grid) {
  const auto columns = static_cast<double>(grid.columns);
  const auto rows = static_cast<double>(grid.rows);
  const double width = (1 - grid.gap_x * (columns - 1)) / columns;
  const double height = (1 - grid.gap_y * (rows - 1)) / rows;
  const double left = static_cast<double>(i % grid.columns) * (width + grid.gap_x);
  const std::size_t row = i / grid.columns;
  const double top = 1 - static_cast<double>(row) * (height + grid.gap_y);
  return {left, std::min(1.0, left + width), std::max(0.0, top - height), top};
}

Json axis_json(const Axis& axis, const Span& span, double low, double high, const std::string& anchor) {
  Json out = {
      {"title", {{"text", html_escape(axis.title)}, {"standoff", 8}}}, {"domain", {low, high}}, {"anchor", anchor}};
  if (!axis.categories.empty()) {
    out["tickvals"] = Json::array();
    out["ticktext"] = Json::array();
    for (std::size_t i = 0; i < axis.categories.size(); ++i) {
      out["tickvals"].push_back(i + 1);
      out["ticktext"].push_back(html_escape(axis.categories[i]));
    }
  }
  if (axis.scaling == Scaling::linear) return out;
  out["type"] = "log";
  out["range"] = {std::log10(span.low), std::log10(span.high)};
  out["exponentformat"] = axis.scaling == Scaling::log_counts ? "SI" : "power";
  // Plotly's own ticks between decades are bare digits; the page's script returns to them after a zoom.
  out["tickmode"] = "array";
  out["tickvals"] = Json::array();
  out["ticktext"] = Json::array();
  for (const auto& tick : log_ticks(span, axis.scaling)) {
    out["tickvals"].push_back(tick.at);
    out["ticktext"].push_back(tick.label);
  }
  return out;
}

Json hover_json(const std::vector<std::string>& hover) {
  Json out = Json::array();
  for (const auto& text : hover) out.push_back(html_escape(text));
  return out;
}

std::string translucent(const std::string& color) {
  const auto channel = [&](std::size_t at) { return std::stoi(color.substr(at, 2), nullptr, 16); };
  return fmt::format("rgba({},{},{},0.15)", channel(1), channel(3), channel(5));
}

Json marker_json(Mark mark, const std::string& color) {
  switch (mark) {
    case Mark::open_points:
      return {{"color", color}, {"size", 7}, {"symbol", "circle-open"}};
    case Mark::star:
      return {{"color", color}, {"size", 13}, {"symbol", "star"}, {"line", {{"color", "#ffffff"}, {"width", 1}}}};
    case Mark::cross:
      return {{"color", color}, {"size", 11}, {"symbol", "x-thin"}, {"line", {{"color", color}, {"width", 3}}}};
    default:
      return {{"color", color}, {"size", 8}, {"line", {{"color", "#ffffff"}, {"width", 1}}}};
  }
}

Json band_trace(const Series& series) {
  std::vector<double> x = series.x, y = series.high;
  x.insert(x.end(), series.x.rbegin(), series.x.rend());
  y.insert(y.end(), series.low.rbegin(), series.low.rend());
  return {{"type", "scatter"},
          {"mode", "lines"},
          {"x", x},
          {"y", y},
          {"fill", "toself"},
          {"fillcolor", translucent(series.color)},
          {"line", {{"width", 0}, {"color", series.color}}},
          {"hoverinfo", "skip"}};
}

Json series_trace(const Series& series) {
  Json trace;
  const bool is_line = series.mark == Mark::line || series.mark == Mark::dashed || series.mark == Mark::dotted;
  if (series.mark == Mark::band) {
    trace = band_trace(series);
  } else {
    trace = {{"type", "scatter"}, {"mode", is_line ? "lines" : "markers"}, {"x", series.x}, {"y", series.y}};
  }
  if (is_line) {
    const char* dash = series.mark == Mark::line ? "solid" : series.mark == Mark::dashed ? "dash" : "dot";
    trace["line"] = {{"color", series.color}, {"width", 2}, {"dash", dash}};
    if (series.hover.empty()) trace["hoverinfo"] = "name";
  } else if (series.mark != Mark::band) {
    trace["marker"] = marker_json(series.mark, series.color);
    if (!series.low.empty()) {
      std::vector<double> up, down;
      for (std::size_t i = 0; i < series.y.size(); ++i) {
        up.push_back(series.high[i] - series.y[i]);
        down.push_back(series.y[i] - series.low[i]);
      }
      trace["error_y"] = {{"type", "data"},        {"symmetric", false}, {"array", up}, {"arrayminus", down},
                          {"color", series.color}, {"thickness", 1.2},   {"width", 3}};
    }
  }
  if (!series.hover.empty()) {
    trace["text"] = hover_json(series.hover);
    trace["hovertemplate"] = "%{text}<extra></extra>";
  }
  trace["name"] = html_escape(series.name);
  trace["showlegend"] = series.legend;
  if (!series.group.empty()) trace["legendgroup"] = html_escape(series.group);
  return trace;
}

void add_surface(const Surface& surface, Json& data) {
  // The logarithm spreads the contours; the colour bar and the hover show the loss itself.
  data.push_back(
      {{"type", "contour"},
       {"x", surface.x},
       {"y", surface.y},
       {"z", surface.z},
       {"colorscale", "Viridis"},
       {"zmin", surface.low},
       {"zmax", surface.high},
       {"ncontours", 24},
       {"contours", {{"showlabels", true}, {"labelfont", {{"size", 11}, {"color", "#ffffff"}}}}},
       {"line", {{"width", 0.6}, {"color", "rgba(255,255,255,0.6)"}}},
       {"colorbar", {{"title", {{"text", html_escape(surface.title)}, {"side", "right"}}}, {"thickness", 14}}},
       {"hovertemplate", "N %{x:.3s} · D %{y:.3s}: fitted %{z:.4f} nats<extra></extra>"},
       {"showlegend", false}});
  data.push_back({{"type", "scatter"},
                  {"mode", "markers"},
                  {"x", surface.point_x},
                  {"y", surface.point_y},
                  {"text", hover_json(surface.hover)},
                  {"hovertemplate", "%{text}<extra></extra>"},
                  {"showlegend", false},
                  {"marker",
                   {{"color", surface.point_z},
                    {"colorscale", "Viridis"},
                    {"cmin", surface.low},
                    {"cmax", surface.high},
                    {"size", 13},
                    {"line", {{"color", "#ffffff"}, {"width", 1.6}}}}}});
}

}  // namespace

Json plotly_figure(const Figure& figure) {
  const Grid grid = grid_of(figure);
  Json data = Json::array();
  Json layout = {{"annotations", Json::array()}};
  bool legend = false;
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    const Panel& panel = figure.panels[i];
    const std::string number = i == 0 ? "" : std::to_string(i + 1);
    const Box box = panel_box(i, grid);
    layout["xaxis" + number] = axis_json(panel.x, x_span(panel), box.left, box.right, "y" + number);
    layout["yaxis" + number] = axis_json(panel.y, y_span(panel), box.bottom, box.top, "x" + number);
    if (!panel.title.empty()) {
      layout["annotations"].push_back({{"text", "<b>" + html_escape(panel.title) + "</b>"},
                                       {"showarrow", false},
                                       {"xref", "paper"},
                                       {"yref", "paper"},
                                       {"x", (box.left + box.right) / 2},
                                       {"y", box.top},
                                       {"yshift", 16},
                                       {"xanchor", "center"},
                                       {"yanchor", "middle"}});
    }
    const std::size_t first = data.size();
    if (panel.surface) add_surface(*panel.surface, data);
    for (const auto& series : panel.series) {
      data.push_back(series_trace(series));
      legend = legend || series.legend;
    }
    for (std::size_t t = first; t < data.size(); ++t) {
      data[t]["xaxis"] = "x" + number;
      data[t]["yaxis"] = "y" + number;
      if (grid.legend_each) data[t]["legend"] = "legend" + number;
    }
    if (grid.legend_each) layout["legend" + number] = {{"x", box.right + 0.01}, {"y", box.top}, {"xanchor", "left"}};
  }
  layout["showlegend"] = legend;
  if (grid.legend_below) layout["legend"] = {{"orientation", "h"}, {"x", 0}, {"y", -0.22}, {"yanchor", "top"}};
  const int below = grid.legend_below ? 90 : 0;
  return {{"id", figure.id},
          {"height", static_cast<int>(grid.rows) * figure.panel_height + 60 + below},
          {"data", data},
          {"layout", layout}};
}

}  // namespace scalelaw::inline report
