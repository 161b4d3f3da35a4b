#pragma once
// The runs that a study kept out of its fit, as HTML.
#include <string>

#include "analysis/analysis.hpp"

namespace scalelaw::inline report {

/// How the law of the fitted runs predicts those held out (design.hold), beside its baselines; empty where none were.
[[nodiscard]] std::string holdout_section(const Analysis& analysis);

}  // namespace scalelaw::inline report
