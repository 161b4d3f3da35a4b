#pragma once
// Amplitudes of a law that is linear in them, at given exponents.
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace scalelaw::inline fit {

/// A term c * f of a law that is linear in its amplitude c, at one value of the exponent, divided by the target.
struct LinearColumn {
  std::vector<double> f;
  std::optional<double> fixed;
};

struct Projection {
  double value = std::numeric_limits<double>::infinity();
  std::vector<double> amplitude;
};

/// Minimises sum w (sum_k c_k f_k - target)^2 over c >= 0 by trying every set of positive amplitudes: at most 2^4.
/// Infinite, without amplitudes, where a column vanishes.
[[nodiscard]] Projection project(std::span<const double> w, const std::vector<LinearColumn>& columns,
                                 const std::vector<double>& target);

}  // namespace scalelaw::inline fit
