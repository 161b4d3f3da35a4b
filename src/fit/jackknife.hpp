#pragma once
// Leave-one-budget-out jackknife: how much the answer owes to any one budget.
#include <functional>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Repeats the fit without each budget (group_budgets) in turn. With runs that share a budget's faults (a schedule, a
/// badly centred grid) its interval is honest where those that take runs as independent are not.
/// @param full the fit to all points
/// @param fit_rest fits a subset of the points
[[nodiscard]] Jackknife jackknife_budgets(const std::vector<Observation>& points, const FitResult& full, int threads,
                                          const std::function<FitResult(const std::vector<Observation>&)>& fit_rest);

}  // namespace scalelaw::inline fit
