#pragma once
// The goodness of a fit as text and JSON.
#include <string>
#include <vector>

#include "core/json.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// "exp17-d128", or "row 4 (N 20M, D 1B)" for a point without a name.
[[nodiscard]] std::string residual_name(const Residual& r);
/// What the goodness says against the fit, a line each: an outlier, a series, a form that its residuals reject.
/// @param held whether parameters were held at given values
[[nodiscard]] std::vector<std::string> goodness_cautions(const FitResult& fit, bool held);
/// "fit: rms of ln loss 0.0056, ..." with at most `rows` of the worst rows below it; 0 or more lines.
[[nodiscard]] std::string goodness_text(const FitResult& fit, std::size_t rows);
/// Table of all residuals, largest first.
[[nodiscard]] std::string residuals_text(const Goodness& goodness, LossUnit unit = LossUnit::nats);

[[nodiscard]] Json to_json(const Goodness& goodness);
/// @param residuals every residual instead of those beyond kListedResidual
[[nodiscard]] Json residuals_json(const Goodness& goodness, bool all);
[[nodiscard]] Goodness goodness_from_json(const Json& json);

}  // namespace scalelaw::inline fit
