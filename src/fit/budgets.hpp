#pragma once
// Which isoFLOP budget a tuned point of a study belongs to; one rule for the report, the tutorial and `fit`.
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::inline fit {

/// Gives every observation the isoFLOP budget it belongs to: the planned one nearest in ln C, if C is within 10 % of
/// it, else 0. Without planned budgets, sets of at least three points whose C agree within 10 % are taken as budgets
/// (their geometric mean), so that the diagonals of a grid can be used.
void assign_budgets(std::vector<Observation>& points, const std::vector<double>& planned_budgets);

/// The budget of a point is a matter of the plan, hence of the study's own convention, whatever N and C count in `to`:
/// points are matched by shape and tokens.
void copy_budgets(const std::vector<Observation>& from, std::vector<Observation>& to);

/// What approach 2 fits: points outside every budget belong to no valley. All points where there are no budgets, so
/// that the fit says so itself.
[[nodiscard]] std::vector<Observation> points_in_budgets(const std::vector<Observation>& points);

/// Budgets of the points: Observation.budget where it is given, else clusters of flops (each within 5 % of its smallest
/// member). Index of each point's budget, numbered by rising compute, and the budgets' FLOPs.
struct Budgets {
  std::vector<std::size_t> of_point;
  std::vector<double> flops;
};
[[nodiscard]] Budgets group_budgets(const std::vector<Observation>& points);

/// Whether the point belongs to one of these budgets: its budget, or its FLOPs where it has none, is within 5 % of it.
[[nodiscard]] bool in_budgets(const Observation& point, const std::vector<double>& budgets);

}  // namespace scalelaw::inline fit
