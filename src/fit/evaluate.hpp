#pragma once
// Objective, residuals and derivatives of a problem at a point of its working coordinates.
#include <span>
#include <vector>

#include "fit/descent.hpp"
#include "fit/problem.hpp"

namespace scalelaw::inline fit {

/// Objective with Huber's delta replaced, its gradient and Hessian (or the Gauss-Newton part of it) at theta.
void evaluate(const Problem& problem, std::span<const double> weights, double delta, bool second_order,
              std::span<const double> theta, LocalModel& at);

/// Residuals and their Jacobian in working coordinates, row per point; theta holds the free parameters alone.
[[nodiscard]] Linearised linearise(const Problem& problem, std::span<const double> theta, bool with_jacobian = true);

/// Residuals at theta: ln predicted - ln observed, or predicted - observed for the objective mse.
[[nodiscard]] std::vector<double> residuals(const Problem& problem, std::span<const double> theta);

/// Condition number of sum w J J' scaled to a unit diagonal: how well the points tell the parameters apart.
[[nodiscard]] double design_condition(const Problem& problem, std::span<const double> theta);

}  // namespace scalelaw::inline fit
