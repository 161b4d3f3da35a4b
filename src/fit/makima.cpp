#include "fit/makima.hpp"

#include <algorithm>
#include <boost/math/interpolators/makima.hpp>
#include <cmath>

#include "os/error.hpp"

namespace scalelaw::inline fit {

CurveMinimum makima_minimum(const std::vector<double>& x, const std::vector<double>& y) {
  const auto lowest = static_cast<std::size_t>(std::ranges::min_element(y) - y.begin());
  SCALELAW_CHECK(x.size() >= 4 && x.size() == y.size(), "{} points", x.size());
  SCALELAW_CHECK(lowest > 0 && lowest + 1 < x.size(), "lowest point {} of {} is at an end", lowest + 1, x.size());
  const boost::math::interpolators::makima<std::vector<double>> curve{std::vector<double>(x), std::vector<double>(y)};
  const double slope = curve.prime(x[lowest]);
  if (slope == 0) return {x[lowest], y[lowest]};
  // It falls from the lowest point to that side, and must turn before the next point, which is higher.
  const std::size_t i = slope > 0 ? lowest - 1 : lowest;
  const double h = x[i + 1] - x[i];
  const double d0 = curve.prime(x[i]) * h, d1 = curve.prime(x[i + 1]) * h, rise = y[i + 1] - y[i];
  // On t in 0 .. 1 the cubic has the derivative d0 + 2 c t + 3 d t^2; its root with a positive second derivative.
  const double c = 3 * rise - 2 * d0 - d1, d = d0 + d1 - 2 * rise;
  const double root = std::sqrt(std::max(c * c - 3 * d * d0, 0.0));
  const double t = std::clamp(c > 0 ? -d0 / (c + root) : (root - c) / (3 * d), 0.0, 1.0);
  return {x[i] + t * h, y[i] + t * (d0 + t * (c + t * d))};
}

}  // namespace scalelaw::inline fit
