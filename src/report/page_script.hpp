#pragma once
// The script of the report.
#include <string_view>

namespace scalelaw::inline report {

/// JavaScript; draws the figures and keeps the switches of the page.
[[nodiscard]] std::string_view page_script();

}  // namespace scalelaw::inline report
