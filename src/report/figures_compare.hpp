#pragma once
// The figure of a comparison of exponents.
#include "inference/comparison.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// Exponents of both sides and their differences; no panels where no exponent has a verdict.
[[nodiscard]] Figure comparison_figure(const Comparison& comparison);

}  // namespace scalelaw::inline report
