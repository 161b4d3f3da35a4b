#pragma once
// Observations -> FitResult. One entry point for every law and method.
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Fits. Too few points, a stalled solver or a bound are statuses of the result; errors (data, config) are unusable
/// input: an unknown fixed parameter, a law that the method cannot fit.
[[nodiscard]] FitResult fit_points(const std::vector<Observation>& points, const FitOptions& options);

}  // namespace scalelaw::inline fit
