#pragma once
// From a start to a minimum of a fit's objective.
#include <string>
#include <vector>

#include "fit/problem.hpp"

namespace scalelaw::inline fit {

struct Solution {
  Vector theta{};
  double value = 0;
  double gradient_norm = 0;  ///< largest |dF/d ln parameter| over free parameters that are not at a bound
  NewtonStatus status = NewtonStatus::stalled;
  std::vector<std::string> at_bound;  ///< names
  int evaluations = 0;
  std::optional<Vector> passed;  ///< where the way by continuation met least squares: starts that met there share it
};

struct SolveOptions {
  bool warm = false;       ///< start is near the minimum: no continuation in delta
  bool piecewise = false;  ///< go down by exact steps of the linearised problem first (fit/huber.hpp)
  bool finish = true;      ///< false: stop where these steps end, without Newton's and unproven
  bool rescue = true;      ///< where Newton's method stalls, go on by these steps
  bool polish = true;
  int max_evaluations = 400;
};

/// Minimises from a start. By default Huber's delta falls in steps from the size of the residuals to its value: with
/// delta = 1e-3 almost every residual lies in the linear part, and a Newton step knows little until the few points that
/// carry the curvature are found. Where Newton's method stalls at kinks of the gradient, exact steps of the linearised
/// problem lead on; converged then needs that no step of that problem lowers it and that the Hessian is not indefinite.
[[nodiscard]] Solution solve(const Problem& problem, std::span<const double> weights, const Vector& start,
                             const SolveOptions& options);

}  // namespace scalelaw::inline fit
