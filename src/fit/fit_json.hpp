#pragma once
// "scalelaw.fit/1".
#include "core/json.hpp"
#include "fit/result.hpp"

namespace scalelaw {

/// Numbers that are not finite are null. Keys: docs/RECORDS.md.
[[nodiscard]] Json to_json(const FitResult& result);

}  // namespace scalelaw
