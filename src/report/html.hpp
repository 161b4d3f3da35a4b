#pragma once
// The report as one HTML file: no other file, no network, everything inside.
#include <string>
#include <string_view>
#include <vector>

#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw {

/// The page: headline answers, figures, tables, what was left out. Works from a disk without a network under its own
/// content security policy; sets window.scalelawDrawn once every figure is drawn.
[[nodiscard]] std::string report_html(const Analysis& analysis, const std::vector<Figure>& figures);

// Sections of the page as HTML (html_tables.cpp).
[[nodiscard]] std::string headline_section(const Analysis& analysis);
[[nodiscard]] std::string comparison_section(const Analysis& analysis);
[[nodiscard]] std::string conventions_section(const Analysis& analysis);
[[nodiscard]] std::string sweeps_section(const Analysis& analysis);
[[nodiscard]] std::string excluded_section(const Analysis& analysis);
[[nodiscard]] std::string provenance_section(const Analysis& analysis);

/// Plotly's data, layout and size of a figure: {"id","height","data":[…],"layout":{…}}.
[[nodiscard]] Json plotly_figure(const Figure& figure);

/// Style sheet and script of the page (page_style.cpp, page_script.cpp).
[[nodiscard]] std::string_view page_style();
[[nodiscard]] std::string_view page_script();

}  // namespace scalelaw
