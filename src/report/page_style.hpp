#pragma once
// The style sheet of the report.
#include <string_view>

namespace scalelaw::inline report {

/// CSS.
[[nodiscard]] std::string_view page_style();

}  // namespace scalelaw::inline report
