#pragma once
// The minimum of a curve through points, without assuming its shape.
#include <vector>

namespace scalelaw::inline fit {

/// Minimum of the modified Akima interpolant (piecewise cubic, Akima 1970 with the weights of Boost.Math's makima)
/// through (x, y), next to its lowest point.
/// @param x rising and different, at least 4; the lowest y lies at neither end
struct CurveMinimum {
  double x = 0;
  double y = 0;
};
[[nodiscard]] CurveMinimum makima_minimum(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace scalelaw::inline fit
