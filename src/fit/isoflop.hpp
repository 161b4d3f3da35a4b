#pragma once
// Approach 1 (envelope) and approach 2 (isoFLOP parabolas) of Hoffmann et al. 2022: N* and D* against compute.
#include "fit/bootstrap.hpp"

namespace scalelaw {

/// Budgets of the points: Observation.budget where it is given, else clusters of flops (each within 5 % of its smallest
/// member). Index of each point's budget, numbered by rising compute, and the budgets' FLOPs.
struct Budgets {
  std::vector<std::size_t> of_point;
  std::vector<double> flops;
};
[[nodiscard]] Budgets group_budgets(const std::vector<Observation>& points);

/// Approach 2. Per budget a parabola of loss in ln N; N* at its vertex, D* from the budget's own line of ln D against
/// ln N; then power laws in C through the budgets with an interior minimum. A budget is rejected where its vertex or
/// its lowest loss lies on the edge of the sizes tried, where the parabola opens downwards, or with fewer than 3 sizes.
/// With the curve `makima` N* is the minimum of an interpolant through the mean loss of each size (fit/makima.hpp),
/// which assumes no shape but follows the noise; it needs 4 sizes. Needs 3 interior budgets to be `converged`.
[[nodiscard]] FitResult fit_isoflop(const std::vector<Observation>& points, const FitOptions& options);

/// Approach 1 on final losses: runs that no run of at most the same compute beats, and power laws through their N and
/// D. Each run counts with its own complete schedule; checkpoints of longer runs must not be among the points.
[[nodiscard]] FitResult fit_envelope(const std::vector<Observation>& points, const FitOptions& options);

}  // namespace scalelaw
