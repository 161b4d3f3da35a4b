#pragma once
// Figures of the fits of a study. Each is empty (no panels) where there is nothing to draw.
#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

[[nodiscard]] Figure surface_figure(const Analysis& analysis);     ///< fitted surface with the points
[[nodiscard]] Figure residual_figure(const Analysis& analysis);    ///< observed / fitted - 1
[[nodiscard]] Figure allocation_figure(const Analysis& analysis);  ///< N* and D* against C, published laws beside
[[nodiscard]] Figure cloud_figure(const Analysis& analysis);       ///< bootstrap draws of the two exponents

}  // namespace scalelaw::inline report
