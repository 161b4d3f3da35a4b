#pragma once
// Sections of the report as HTML.
#include <string>

#include "analysis/analysis.hpp"

namespace scalelaw::inline report {

/// The answers first: exponents, allocation, verdicts.
[[nodiscard]] std::string headline_section(const Analysis& analysis);
/// Exponents beside those of the simulator, with their differences.
[[nodiscard]] std::string comparison_section(const Analysis& analysis);
/// The same fits under every count of N and C.
[[nodiscard]] std::string conventions_section(const Analysis& analysis);
/// Best learning rates, where they lie in their sweeps.
[[nodiscard]] std::string sweeps_section(const Analysis& analysis);
/// Runs that were left out, and why.
[[nodiscard]] std::string excluded_section(const Analysis& analysis);
/// Of what runs, made where and by which version.
[[nodiscard]] std::string provenance_section(const Analysis& analysis);

}  // namespace scalelaw::inline report
