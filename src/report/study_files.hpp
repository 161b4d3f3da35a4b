#pragma once
// The derived files of a study's folder.
#include <filesystem>
#include <string>

#include "analysis/analysis.hpp"

namespace scalelaw::inline report {

/// Writes what is derived, each file atomically: records.csv, fits/parametric.json, fits/isoflop.json, allocation.json,
/// fits/learning_rates.json, comparison.json (where there is one), report.html, and plots/*.svg. Where gnuplot is
/// missing the plots are left out and the text says so.
/// @return a warning line for people, or empty.
std::string write_analysis(const std::filesystem::path& study_folder, const Analysis& analysis);

/// The sweeps, the law of the best rate and the branching check: fits/learning_rates.json.
[[nodiscard]] Json learning_rates_json(const Analysis& analysis);

}  // namespace scalelaw::inline report
