#pragma once
// What an analysis says on a terminal.
#include <filesystem>
#include <string>

#include "analysis/analysis.hpp"

namespace scalelaw::inline analysis {

/// What a study prints at its end: exponents with intervals, allocation, comparison. Ends with a newline.
[[nodiscard]] std::string summary_text(const Analysis& analysis, const std::filesystem::path& study_folder);

/// "learning rates: 30 of 30 points bracketed" or the points that are not, the law, the branching check; a line each.
[[nodiscard]] std::string learning_rates_text(const Analysis& analysis);

}  // namespace scalelaw::inline analysis
