#pragma once
// Down an objective by exact steps of its linearised problem (fit/huber.hpp), whatever makes the residuals.
#include <functional>
#include <span>
#include <vector>

#include "core/newton.hpp"

namespace scalelaw::inline fit {

/// Residuals and their Jacobian, row per residual, at a point of the free variables.
struct Linearised {
  std::vector<double> residual;
  std::vector<double> jacobian;
};

/// Least sum of weight * Huber_delta(residual) within a box.
struct DescentProblem {
  std::size_t size = 0;  ///< free variables
  std::function<Linearised(std::span<const double> theta)> linearise;
  std::span<const double> weights;  ///< at least as many as residuals
  double delta = 0;                 ///< infinite: squares
  Vector lower{}, upper{};
  Vector max_step{};  ///< largest change of a variable in one step
  double floor = 0;   ///< round-off of the objective where it tends to 0
};

/// Where the steps lead, and what the last of them promised.
struct Descent {
  Vector theta{};
  double value = 0;
  double promised = kInfinity;  ///< decrease of the undamped model within the box
  int evaluations = 0;

  /// Nothing is left to be had of the linearised problem.
  [[nodiscard]] bool settled(double floor) const;
};

/// sum weight * Huber_delta(residual)
[[nodiscard]] double huber_objective(std::span<const double> residual, std::span<const double> weights, double delta);

/// Damped steps from a start, each the exact minimum of the linearised problem, until none promises a decrease worth
/// having or the evaluations are used up. The value is not finite where that of the start is not.
[[nodiscard]] Descent descend(const DescentProblem& problem, const Vector& start, int max_evaluations);

}  // namespace scalelaw::inline fit
