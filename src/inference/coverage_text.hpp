#pragma once
// What coverage found, as text and JSON.
#include <string>

#include "core/json.hpp"
#include "inference/coverage.hpp"

namespace scalelaw::inline inference {

/// "scalelaw.coverage/1"
[[nodiscard]] Json to_json(const Coverage& coverage);
/// Text for a terminal; ends with a newline.
[[nodiscard]] std::string describe(const Coverage& coverage);

}  // namespace scalelaw::inline inference
