#pragma once
// "scalelaw.fit/1" read back, of this version or an earlier one.
#include <string>

#include "core/json.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// @param name the file, for messages
/// Errors (data): it is no such file; the key that is missing or wrong is named.
[[nodiscard]] FitResult fit_from_json(const Json& value, const std::string& name);

}  // namespace scalelaw::inline fit
