#include "report/html.hpp"

#include <algorithm>

#include "analysis/budget_grid.hpp"
#include "analysis/sources.hpp"
#include "analysis/text.hpp"
#include "core/build_info.hpp"
#include "core/format.hpp"
#include "report/escape.hpp"
#include "report/first_screen.hpp"
#include "report/html_fits.hpp"
#include "report/html_holdout.hpp"
#include "report/html_runs.hpp"
#include "report/page_script.hpp"
#include "report/page_style.hpp"
#include "report/plotly.hpp"
#include "report/slider.hpp"

extern "C" {
extern const char scalelaw_plotly_begin[];
extern const char scalelaw_plotly_end[];
}

namespace scalelaw::inline report {
namespace {

// Nothing is loaded from anywhere; the page's own scripts and styles stand inside it.
constexpr std::string_view kPolicy =
    "default-src 'none'; base-uri 'none'; form-action 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:";

std::string_view plotly_source() {
  return {scalelaw_plotly_begin, static_cast<std::size_t>(scalelaw_plotly_end - scalelaw_plotly_begin)};
}

bool has_figure(const std::vector<Figure>& figures, std::string_view id) {
  return std::ranges::any_of(figures, [&](const Figure& f) { return f.id == id; });
}

std::string figure_html(const std::vector<Figure>& figures, std::string_view id, std::string_view reason) {
  const auto it = std::ranges::find_if(figures, [&](const Figure& f) { return f.id == id; });
  if (it == figures.end()) return fmt::format("<p class=\"caption\">{}</p>\n", html_prose(reason));
  return fmt::format("<figure>\n<p class=\"caption\">{}</p>\n<div class=\"plot\" id=\"plot_{}\"></div>\n</figure>\n",
                     html_prose(it->caption), it->id);
}

std::string title_text(const Analysis& analysis) {
  return fmt::format(
      "{} ({})", analysis.study,
      analysis.records.empty() && !analysis.table.empty() ? "observations" : source_title(analysis.records));
}

std::string header_html(const Analysis& analysis) {
  const std::string simulation = simulation_text(analysis.records);
  const std::string points = counted(std::ssize(analysis.selection.observations), "point");
  return fmt::format("<header>\n<h1>{}</h1>\n<p>{}, {}. A report of scalelaw {}.{}</p>\n</header>\n",
                     html_escape(title_text(analysis)),
                     analysis.records.empty()
                         ? points
                         : fmt::format("{}, {} after tuning", counted(std::ssize(analysis.records), "run"), points),
                     html_escape(analysis.table.empty() ? convention_text(analysis.options.convention)
                                                        : "N and C as the file counts them"),
                     html_escape(build_info().version),
                     simulation.empty() ? "" : " Runs are " + html_escape(simulation) + ".");
}

struct PageSection {
  const char* id;
  const char* title;
  std::string body;
};

std::vector<PageSection> sections_of(const Analysis& analysis, const std::vector<Figure>& figures,
                                     const std::vector<Allocation>& grid) {
  const auto figure = [&](const char* id, const char* reason) { return figure_html(figures, id, reason); };
  const auto if_drawn = [&](const char* id) { return has_figure(figures, id) ? figure_html(figures, id, "") : ""; };
  return {
      {"choice", "Choice of law", choice_section(analysis) + holdout_section(analysis)},
      {"allocation", "Any compute budget",
       slider_html(analysis.parametric, grid) + allocation_section(analysis) +
           figure("allocation", "No points, so no allocation.")},
      {"fits", "Fits",
       fits_section(analysis) + figure("surface", "Nothing was fitted, so there is no surface to draw.") +
           if_drawn("residuals") + "<h3>Uncertainty of the exponents</h3>\n" +
           figure("cloud", "No bootstrap was run (or the law has one exponent), so there is no cloud.")},
      {"isoflop", "isoFLOP curves",
       figure("isoflop", "No compute budget holds several sizes, so there is no isoFLOP curve.")},
      {"comparison", "Measured against simulated exponents", comparison_section(analysis) + if_drawn("comparison")},
      {"loss", "Loss against model size and data", figure("loss", "No points to draw.")},
      {"conventions", "The same runs under every count of N and C", conventions_section(analysis)},
      {"sweeps", "Learning rates",
       figure("sweeps", "Every shape was run at one learning rate, so nothing was tuned.") + sweeps_section(analysis)},
      {"curves", "Loss curves", figure("curves", "No loss curves were logged (tables and simulated runs have none).")},
      {"excluded", "What was left out, and why", excluded_section(analysis)},
      {"notes", "Every note in full", notes_section(analysis)},
      {"provenance", "Provenance", provenance_section(analysis)},
      {"checklist", "Checklist for readers", checklist_section(analysis)},
  };
}

std::string body_html(const Analysis& analysis, const std::vector<Figure>& figures,
                      const std::vector<Allocation>& grid) {
  std::string out = header_html(analysis);
  out += fmt::format("<section id=\"answers\">\n{}</section>\n", first_screen(analysis, figures));
  const std::vector<PageSection> sections = sections_of(analysis, figures, grid);
  out += "<nav aria-label=\"Sections\">";
  for (const PageSection& s : sections) out += fmt::format("<a href=\"#{}\">{}</a>\n", s.id, s.title);
  out += "</nav>\n";
  for (const PageSection& s : sections) {
    out += fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", s.id, s.title, s.body);
  }
  return out;
}

}  // namespace

std::string report_html(const Analysis& analysis, const std::vector<Figure>& figures) {
  const std::vector<Allocation> grid = budget_grid(analysis.parametric);
  Json drawn = Json::array();
  for (const auto& figure : figures) drawn.push_back(plotly_figure(figure));
  std::string out;
  out.reserve(plotly_source().size() + (1U << 20U));
  out += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n", kPolicy);
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
                     html_escape(title_text(analysis)), page_style());
  out += body_html(analysis, figures, grid);
  out += "</main>\n<script type=\"application/json\" id=\"figures\">" + script_json(drawn) + "</script>\n";
  if (!grid.empty()) {
    out += "<script type=\"application/json\" id=\"budgets\">" + script_json(slider_json(analysis.parametric, grid)) +
           "</script>\n";
  }
  out += "<script>";
  out += plotly_source();
  out += "</script>\n<script>";
  out += page_script();
  out += "</script>\n<script>";  // of its own: a figure that cannot be drawn does not stop it
  out += slider_script();
  out += "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace scalelaw::inline report
