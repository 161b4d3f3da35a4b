#pragma once
// "scalelaw.fit/1".
#include "core/json.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// [low, high]; an end that is not finite is null.
[[nodiscard]] Json interval_json(const Interval& interval);

/// Numbers that are not finite are null. Keys: docs/RECORDS.md.
[[nodiscard]] Json to_json(const FitResult& result);

}  // namespace scalelaw::inline fit
