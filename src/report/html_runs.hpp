#pragma once
// Sections of the report about runs.
#include <string>

#include "analysis/analysis.hpp"

namespace scalelaw::inline report {

/// Best learning rates, where they lie in their sweeps.
[[nodiscard]] std::string sweeps_section(const Analysis& analysis);
/// Runs that were left out, and why.
[[nodiscard]] std::string excluded_section(const Analysis& analysis);
/// Every note of the analysis in full.
[[nodiscard]] std::string notes_section(const Analysis& analysis);
/// Of what runs, made where and by which version.
[[nodiscard]] std::string provenance_section(const Analysis& analysis);
/// The checklist of (Mis)Fitting, filled in (analysis/checklist.hpp).
[[nodiscard]] std::string checklist_section(const Analysis& analysis);

}  // namespace scalelaw::inline report
