#pragma once
// The plan of a study, trained or simulated.
#include "design/plan.hpp"

namespace scalelaw::inline study {

/// The plan of a study as its backend makes it: simulated specs where the backend simulates, which need no corpus.
/// Errors (config): as make_plan.
[[nodiscard]] Plan study_plan(const StudyConfig& config, bool simulate, const CorpusFacts* corpus);

}  // namespace scalelaw::inline study
