#pragma once
// Approach 3 of Hoffmann et al. 2022: the constants of one law.
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Constants, intervals and status. Goodness and cautions, which need other fits beside this one, come from fit
/// (fit/fit.hpp).
[[nodiscard]] FitResult fit_parametric(const std::vector<Observation>& points, const FitOptions& options);

}  // namespace scalelaw::inline fit
