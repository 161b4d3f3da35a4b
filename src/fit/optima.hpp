#pragma once
// Whether points may be optima at all: one model size at each compute.
#include <string>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::inline fit {

/// Why the points are not all optima, in words; empty if they may be: two that share a budget (or C within 5 %) with
/// different N, or one with more compute and a loss more than 1 % higher than another's.
/// @param losses whether the losses are real
[[nodiscard]] std::string not_optima(const std::vector<Observation>& points, bool losses);

}  // namespace scalelaw::inline fit
