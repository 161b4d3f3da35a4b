#pragma once
// Names of runs in tables that name several.
#include <string>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::inline records {

/// A run has one number of parameters. Where points of one `run` have several, each of them becomes a run of its own,
/// "baseline (N 1.2M)".
/// @param tolerance relative difference of params that is none: of rounding, where params follow from C = 6 N D
/// @param groups whether a group that has the run's name was made of it, and follows
/// @return the names that were split, in order of appearance
std::vector<std::string> split_run_names(std::vector<Observation>& points, double tolerance, bool groups);

/// "'baseline' and 2 other names"
[[nodiscard]] std::string some_names(const std::vector<std::string>& names);

}  // namespace scalelaw::inline records
