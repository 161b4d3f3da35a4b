#pragma once
// Pages of runs of one size or one length: learning rates are tuned per point, N counts all parameters, C = 6 N D.
// Errors (data): too few completed runs for the page, saying how many it needs.
#include <vector>

#include "records/records.hpp"
#include "tutorial/tutorial_page.hpp"

namespace scalelaw::inline tutorial {

[[nodiscard]] TutorialPage model_size_page(const std::vector<RunRecord>& records);  ///< loss against N at fixed D
[[nodiscard]] TutorialPage data_size_page(const std::vector<RunRecord>& records);   ///< loss against D at fixed N
/// The law of model_size_page's records far beyond them.
[[nodiscard]] TutorialPage extrapolate_page(const std::vector<RunRecord>& records);

}  // namespace scalelaw::inline tutorial
