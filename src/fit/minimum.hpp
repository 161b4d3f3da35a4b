#pragma once
// A finished fit taken up again: the problem that it solved, the place of its minimum, and the noise that it left.
#include <optional>
#include <vector>

#include "fit/components.hpp"
#include "fit/problem.hpp"

namespace scalelaw::inline fit {

/// The problem of a parametric fit and its minimum, from which refits start.
struct Minimum {
  Problem problem;
  Vector theta{};
};
/// @param points those that the fit was made from, prepared as it had them
/// @param options of the fit; constants that its law does not have may be held in them
/// Needs a fit with constants.
[[nodiscard]] Minimum minimum_of(const FitResult& fit, const std::vector<Observation>& points,
                                 const FitOptions& options);

/// Noise of ln loss that the residuals of a parametric fit leave open; none where there are too few.
[[nodiscard]] std::optional<NoiseComponents> noise_of_fit(const FitResult& fit, const std::vector<Observation>& points,
                                                          const FitOptions& options, const SharesAssumed& assumed = {});

}  // namespace scalelaw::inline fit
