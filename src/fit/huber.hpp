#pragma once
// Linear regression under Huber's function, solved exactly: the step of a solver that sees every kink on its way.
#include <span>

#include "core/newton.hpp"

namespace scalelaw::inline fit {

/// sum w rho(r + J s) + 1/2 sum damping_k s_k^2 over steps s within low .. high; rho is Huber's, or half a square where
/// delta is infinite. Convex, with a continuous gradient and pieces that are quadratic.
struct HuberModel {
  std::size_t size = 0;              ///< components of s
  std::span<const double> residual;  ///< r
  std::span<const double> jacobian;  ///< J, row per residual
  std::span<const double> weights;   ///< at least as many as residuals
  double delta = 0;
  Vector damping{}, low{}, high{};  ///< low <= 0 <= high
  double share = 0;                 ///< stop where a step promises less than this share of the decrease so far
};

struct HuberStep {
  Vector change{};
  double decrease = 0;  ///< of the sum from s = 0, damping counted; 0 at a minimum
};

/// The minimum: Newton steps on the pieces, or reweighted least squares where a piece has no curvature, each with an
/// exact line search along which the derivative is monotone (Madsen and Nielsen 1990, BIT 30, 682-699).
[[nodiscard]] HuberStep huber_step(const HuberModel& model);

/// sum w min(1, delta/|r|) J_k^2: the curvature of the parabolas that lie above the objective and touch it at s = 0.
[[nodiscard]] Vector huber_curvature(const HuberModel& model);

}  // namespace scalelaw::inline fit
