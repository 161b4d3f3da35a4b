#pragma once
// The isoFLOP budgets of a study's tuned points, as its report has them.
#include "cli/fit_input.hpp"
#include "fit/options.hpp"

namespace scalelaw::cli {

/// Points of the records under the convention in which their budgets were planned, each with its budget: those of the
/// study.toml among the inputs, else found from the points. Empty without records.
[[nodiscard]] std::vector<Observation> budgeted_points(const std::vector<std::string>& inputs, const FitSources& part,
                                                       std::int64_t min_steps);

/// The points that approach 2 fits: with the budgets of `budgeted`, and without points outside every budget. Points of
/// CSV files (`budgeted` empty) are left as they are.
[[nodiscard]] std::vector<Observation> isoflop_points(const std::vector<Observation>& points,
                                                      const std::vector<Observation>& budgeted);

/// The points, with their budgets of `budgeted` where `options` hold budgets out: a held budget is one of the plan, in
/// the study's own count of N and C.
[[nodiscard]] std::vector<Observation> with_budgets_held(std::vector<Observation> points,
                                                         const std::vector<Observation>& budgeted,
                                                         const FitOptions& options);

}  // namespace scalelaw::cli
