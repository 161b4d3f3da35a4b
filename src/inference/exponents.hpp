#pragma once
// Exponents of laws and fits, and the noise that the residuals of a fit show.
#include <map>
#include <string>
#include <vector>

#include "fit/fit.hpp"
#include "sim/simulate.hpp"

namespace scalelaw::inline inference {

/// A law's constants that are exponents, by name; a and b of N* ~ C^a, D* ~ C^b where there is an optimum; for
/// chinchilla also "frontier": alpha beta / (alpha + beta), as in L*(C) - E ~ C^-frontier.
[[nodiscard]] std::map<std::string, double> exponents_of(const Law& law);
/// Those of the fitted constants and of `derived`.
[[nodiscard]] std::map<std::string, double> exponents_of(const FitResult& fit);

/// Noise of ln loss from the residuals of a converged fit. sd: sqrt(pi / 2) * mean |residual| * n / (n - p), for normal
/// noise the standard deviation, and less moved by outliers than their root mean square; p counts the constants fitted.
/// group_share: mean product of the residuals of two points of one group, over the mean square; 0 without groups.
[[nodiscard]] PointNoise residual_noise(const FitResult& fit, const std::vector<Observation>& points);

/// Whether the fit says what loss to expect; approaches 1 and 2 fit N* and D* alone.
[[nodiscard]] bool has_loss(const FitResult& fit);
/// residual_noise of the fit, or, where it has no loss, of the law chinchilla fitted to the same points.
/// Errors (config): that does not converge.
[[nodiscard]] PointNoise estimated_noise(const FitResult& fit, const std::vector<Observation>& points,
                                         FitOptions options);

}  // namespace scalelaw::inline inference
