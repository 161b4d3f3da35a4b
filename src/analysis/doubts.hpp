#pragma once
// What an answer may not be trusted with.
#include <string>
#include <vector>

#include "analysis/analysis.hpp"

namespace scalelaw::inline analysis {

/// "What not to trust", a short sentence each, the gravest first: no fit; simulated runs; laws and forms that the
/// points reject; the forecast; budgets and learning rates at edges; untuned rates; few sizes or groups; how far beyond
/// the runs the answers lie; intervals that rest on assumed noise; constants that the runs do not fix. Never empty:
/// where nothing was found it says so.
[[nodiscard]] std::vector<std::string> doubts(const Analysis& analysis);

}  // namespace scalelaw::inline analysis
