#pragma once
// Expanding windows: fits to the smaller runs predict the larger ones, level by level.
#include <functional>
#include <string>
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Levels of the points, by rising value: budgets (group_budgets), or sizes or token counts, each within 5 % of its
/// smallest member. Index of each point's level, and the geometric means.
struct Levels {
  std::vector<std::size_t> of_point;
  std::vector<double> values;
};
[[nodiscard]] Levels levels_of(const std::vector<Observation>& points, RolloutBy by);

/// For every level but the last, from the first at which `fit_some` has points enough: the fit to the points up to it,
/// and its errors at the level above and at all points above, with the baselines of predict_held_out (fit/holdout.hpp).
/// @param options of the prediction; what is fitted is decided by `fit_some`
/// @param fit_some fits a subset of the points, without intervals
[[nodiscard]] Rollout roll_out(const std::vector<Observation>& points, RolloutBy by, const FitOptions& options,
                               const std::function<FitResult(const std::vector<Observation>&)>& fit_some);

/// A table with a line a window, and what its columns are; empty for an empty rollout.
[[nodiscard]] std::string describe(const Rollout& rollout);

}  // namespace scalelaw::inline fit
