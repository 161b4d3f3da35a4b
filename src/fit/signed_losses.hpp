#pragma once
// Losses of 0 and less, which only an objective without logarithms can fit.
#include <functional>
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Whether there are such losses and the fit can take them: objective mse of a parametric law with a free E. Errors
/// (config): a bootstrap of such losses that is parametric, since its noise is one of ln loss.
[[nodiscard]] bool has_signed_losses(const std::vector<Observation>& points, const FitOptions& options);

/// Squared errors do not change when the losses and E move together: moves both above 0, fits, and moves E with its
/// intervals and draws back. The noise between seeds, a noise of ln loss, is left out.
/// @param fit of positive losses, given by fit/fit.cpp, which calls this
[[nodiscard]] FitResult fit_signed_losses(
    std::vector<Observation> points, const FitOptions& options,
    const std::function<FitResult(const std::vector<Observation>&, const FitOptions&)>& fit);

}  // namespace scalelaw::inline fit
