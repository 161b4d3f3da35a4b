#pragma once
// One law fitted to two sets of points at once: everything in common but the amplitudes.
//
// Where one recipe uses its parameters k times and its tokens l times as well as another, L2(N, D) = L1(k N, l D): the
// exponents and the offset are the same, the amplitudes differ (A2 = A1 k^-alpha, B2 = B1 l^-beta), and the compute of
// the one over that of the other is the same at every loss. The offset is shared because both are evaluated on the same
// text; where they are not, there is nothing to compare.
#include <string>
#include <vector>

#include "fit/fit.hpp"

namespace scalelaw::inline inference {

struct JointFit {
  bool converged = false;
  std::string message;      ///< why not
  double objective = 0;     ///< of both sets with everything but amplitudes in common
  double separate = 0;      ///< of both with constants of their own
  Law first, second;        ///< the two laws; they differ in their amplitudes alone
  std::int64_t failed = 0;  ///< pairs of draws whose refit did not settle; they are left out
  /// Refits, pair by pair. Each pair of draws of the two fits moves the losses of its set as far as its own refit moved
  /// the law there, and the joint law is fitted to those. What a fit of one set cannot follow of new noise a joint fit
  /// cannot either, so to first order this is the joint fit to the resampled points, whatever was resampled.
  std::vector<std::vector<double>> first_draws, second_draws;
};

/// From the fits of each set by `options` with their bootstrap, to the points as given to fit_points. Errors (config):
/// a law with more than kMaxFree constants then, or one that gives no loss; a method without a law.
[[nodiscard]] JointFit fit_jointly(const std::vector<Observation>& first_points,
                                   const std::vector<Observation>& second_points, const FitResult& first,
                                   const FitResult& second, const FitOptions& options);

}  // namespace scalelaw::inline inference
