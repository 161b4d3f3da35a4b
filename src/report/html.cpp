#include "report/html.hpp"

#include <algorithm>

#include "analysis/sources.hpp"
#include "analysis/text.hpp"
#include "core/build_info.hpp"
#include "core/format.hpp"
#include "report/escape.hpp"
#include "report/html_holdout.hpp"
#include "report/html_tables.hpp"
#include "report/page_script.hpp"
#include "report/page_style.hpp"
#include "report/plotly.hpp"

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

std::string warnings_html(const Analysis& analysis) {
  if (analysis.warnings.empty()) return "";
  std::string out = "<div class=\"warnings\" role=\"note\"><strong>Read this first</strong><ul>\n";
  for (const auto& warning : analysis.warnings) out += "<li>" + html_prose(warning) + "</li>\n";
  return out + "</ul></div>\n";
}

std::string title_text(const Analysis& analysis) {
  return fmt::format("{} ({})", analysis.study, source_title(analysis.records));
}

std::string header_html(const Analysis& analysis) {
  const std::string simulation = simulation_text(analysis.records);
  return fmt::format(
      "<header>\n<h1>{}</h1>\n<p>{} runs, {} points after tuning, {}. A report of scalelaw {}.{}</p>\n</header>\n"
      "<nav><a href=\"#answers\">Answers</a><a href=\"#isoflop\">isoFLOP</a><a href=\"#allocation\">Allocation</a>"
      "<a href=\"#loss\">Loss</a><a href=\"#surface\">Surface</a><a href=\"#conventions\">Conventions</a>"
      "<a href=\"#sweeps\">Learning rates</a><a href=\"#curves\">Curves</a><a href=\"#excluded\">Left out</a>"
      "<a href=\"#provenance\">Provenance</a></nav>\n",
      html_escape(title_text(analysis)), analysis.records.size(), analysis.selection.observations.size(),
      html_escape(convention_text(analysis.options.convention)), html_escape(build_info().version),
      simulation.empty() ? "" : " Runs are " + html_escape(simulation) + ".");
}

std::string section(std::string_view id, std::string_view title, const std::string& body) {
  return fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", id, title, body);
}

std::string body_html(const Analysis& analysis, const std::vector<Figure>& figures) {
  const std::string no_fit = "Nothing was fitted, so there is no surface to draw.";
  std::string out = header_html(analysis) + warnings_html(analysis);
  out += section("answers", "Answers",
                 headline_section(analysis) + holdout_section(analysis) + comparison_section(analysis) +
                     (has_figure(figures, "comparison") ? figure_html(figures, "comparison", "") : ""));
  out +=
      section("isoflop", "isoFLOP curves",
              figure_html(figures, "isoflop", "No compute budget holds several sizes, so there is no isoFLOP curve."));
  out += section("allocation", "How to spend a compute budget",
                 figure_html(figures, "allocation", "No points, so no allocation."));
  out += section("loss", "Loss against model size and data", figure_html(figures, "loss", "No points to draw."));
  out += section(
      "surface", "Fitted surface and residuals",
      figure_html(figures, "surface", no_fit) +
          (has_figure(figures, "residuals") ? figure_html(figures, "residuals", "") : "") +
          "<h3>Uncertainty of the exponents</h3>\n" +
          figure_html(figures, "cloud", "No bootstrap was run (or the law has one exponent), so there is no cloud."));
  out += section("conventions", "The same runs under every convention of N and C", conventions_section(analysis));
  out += section("sweeps", "Learning-rate sweeps",
                 figure_html(figures, "sweeps", "Every shape was run at one learning rate, so nothing was tuned.") +
                     sweeps_section(analysis));
  out += section("curves", "Loss curves",
                 figure_html(figures, "curves", "No loss curves were logged (simulated runs have none)."));
  out += section("excluded", "What was left out, and why", excluded_section(analysis));
  out += section("provenance", "Provenance", provenance_section(analysis));
  return out;
}

}  // namespace

std::string report_html(const Analysis& analysis, const std::vector<Figure>& figures) {
  Json drawn = Json::array();
  for (const auto& figure : figures) drawn.push_back(plotly_figure(figure));
  std::string out;
  out.reserve(plotly_source().size() + (1U << 20U));
  out += "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  out += fmt::format("<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n", kPolicy);
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += fmt::format("<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n",
                     html_escape(title_text(analysis)), page_style());
  out += body_html(analysis, figures);
  out += "</main>\n<script type=\"application/json\" id=\"figures\">" + script_json(drawn) + "</script>\n<script>";
  out += plotly_source();
  out += "</script>\n<script>";
  out += page_script();
  out += "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace scalelaw::inline report
