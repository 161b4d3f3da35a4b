#pragma once
// The style sheet of the report.
#include <string>

namespace scalelaw::inline report {

/// CSS.
[[nodiscard]] std::string page_style();

}  // namespace scalelaw::inline report
