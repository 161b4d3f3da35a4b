#pragma once
// The report as one HTML file: no other file, no network, everything inside.
#include <string>
#include <string_view>
#include <vector>

#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// The page: a first screen that answers (report/first_screen.hpp), then how the answer came about, with every figure
/// and table. Works from a disk without a network under its own content security policy; sets window.scalelawDrawn once
/// every figure is drawn.
[[nodiscard]] std::string report_html(const Analysis& analysis, const std::vector<Figure>& figures);

}  // namespace scalelaw::inline report
