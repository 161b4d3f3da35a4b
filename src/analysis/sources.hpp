#pragma once
// Where the records of an analysis come from, in words.
#include <string>
#include <vector>

#include "records/records.hpp"

namespace scalelaw::inline analysis {

/// "trained", "simulated", "imported" or "trained and simulated": where the records come from.
[[nodiscard]] std::string source_text(const std::vector<RunRecord>& records);
/// The same so that nobody overlooks it: "trained", "SIMULATED, no model was trained", "trained and SIMULATED, pooled".
[[nodiscard]] std::string source_title(const std::vector<RunRecord>& records);

/// What simulated the records, and whether its amplitudes are those published, others given, or refitted to records:
/// "simulated with besiroglu2024, its exponents kept and A, B, E refitted to 24 points of tutorial.csv". Empty where
/// none was simulated.
[[nodiscard]] std::string simulation_text(const std::vector<RunRecord>& records);

}  // namespace scalelaw::inline analysis
