#pragma once
// Losses of 0 and less, which only an objective without logarithms can fit.
#include <vector>

#include "fit/fit.hpp"

namespace scalelaw {

/// Whether there are such losses and the fit can take them: objective mse of a parametric law with a free E. Errors
/// (config): a bootstrap of such losses that is parametric, since its noise is one of ln loss.
[[nodiscard]] bool has_signed_losses(const std::vector<Observation>& points, const FitOptions& options);

/// Squared errors do not change when the losses and E move together: moves both above 0, fits, and moves E with its
/// intervals and draws back. The noise between seeds, a noise of ln loss, is left out.
[[nodiscard]] FitResult fit_signed_losses(std::vector<Observation> points, const FitOptions& options);

}  // namespace scalelaw
