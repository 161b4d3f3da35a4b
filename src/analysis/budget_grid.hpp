#pragma once
// The answer at every budget: what the slider of the report moves over.
#include <vector>

#include "analysis/analysis.hpp"

namespace scalelaw::inline analysis {

/// Allocations of the fit at budgets even in ln C, eight a decade and the ends with it, from the least compute measured
/// to two decades beyond the largest: between them N*, D* and D/N are straight in ln C under every law of powers, and
/// the loss nearly. Empty where the fit did not converge or its law has no optimum over N and D.
[[nodiscard]] std::vector<Allocation> budget_grid(const FitResult& fit);

}  // namespace scalelaw::inline analysis
