#pragma once
// Approach 2 (isoFLOP parabolas) of Hoffmann et al. 2022: N* and D* against compute.
#include "fit/bootstrap.hpp"
#include "fit/budgets.hpp"

namespace scalelaw::inline fit {

/// A run that lies far above every valley through the others of its budget, as one that never learned does.
struct PlateauRun {
  std::size_t point = 0;  ///< index
  std::string name;       ///< with its loss
};
/// Those of budgets of at least four runs at three sizes (check_valley). Runs that repeat their data are passed over:
/// what they lack in the end is new data.
/// @param noise of ln loss between seeds, where it is known
[[nodiscard]] std::vector<PlateauRun> plateau_runs(const std::vector<Observation>& points,
                                                   const std::optional<NoiseModel>& noise);

/// Approach 2. Per budget a parabola of loss in ln N; N* at its vertex, D* from the budget's own line of ln D against
/// ln N; then power laws in C through the budgets with an interior minimum. A budget is rejected where its vertex or
/// its lowest loss lies on the edge of the sizes tried, where the parabola opens downwards, or with fewer than 3 sizes.
/// With the curve `makima` N* is the minimum of an interpolant through the mean loss of each size (fit/makima.hpp),
/// which assumes no shape but follows the noise; it needs 4 sizes. A budget whose losses lie on no valley, or whose
/// parabola has its vertex far below every one of them, is `not_a_parabola`: its N* is that of a curve without the runs
/// that spoil it (fit/valley.hpp). Needs 3 budgets with a minimum to be `converged`.
[[nodiscard]] FitResult fit_isoflop(const std::vector<Observation>& points, const FitOptions& options);

}  // namespace scalelaw::inline fit
