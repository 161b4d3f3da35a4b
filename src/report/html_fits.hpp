#pragma once
// Sections of the report about fits.
#include <string>

#include "analysis/analysis.hpp"

namespace scalelaw::inline report {

/// Which law answers, why, and what the others say.
[[nodiscard]] std::string choice_section(const Analysis& analysis);
/// N*, D* and the loss at the budgets asked for.
[[nodiscard]] std::string allocation_section(const Analysis& analysis);
/// Constants of both approaches beside published ones, and the tests of the form.
[[nodiscard]] std::string fits_section(const Analysis& analysis);
/// Exponents beside those of the simulator, with their differences.
[[nodiscard]] std::string comparison_section(const Analysis& analysis);
/// The same fits under every count of N and C.
[[nodiscard]] std::string conventions_section(const Analysis& analysis);

}  // namespace scalelaw::inline report
