#pragma once
// Pages of runs at budgets of compute: learning rates are tuned per point, N counts all parameters, C = 6 N D.
// Errors (data): too few completed runs for the page, saying how many it needs.
#include <vector>

#include "records/records.hpp"
#include "tutorial/tutorial_page.hpp"

namespace scalelaw::inline tutorial {

[[nodiscard]] TutorialPage compute_optimal_page(const std::vector<RunRecord>& records);
/// Three shapes at one compute, several seeds: the differences are paired by seed, with Student's t intervals.
[[nodiscard]] TutorialPage strategies_page(const std::vector<RunRecord>& records);

}  // namespace scalelaw::inline tutorial
