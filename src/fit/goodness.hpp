#pragma once
// How well a fitted law describes its own points: residuals, the worst rows and series, and a test of the form.
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Of a parametric fit to these points, which are those that the fit used. `without_outliers` stays empty. Empty
/// (n = 0) where nothing was fitted or a value is not positive.
[[nodiscard]] Goodness goodness_of(const FitResult& fit, const std::vector<Observation>& points,
                                   const FitOptions& options);

}  // namespace scalelaw::inline fit
