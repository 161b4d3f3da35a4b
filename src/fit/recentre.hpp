#pragma once
// Where the sizes of an isoFLOP grid should have been.
#include <string>
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Lines for people: which sizes to add at budgets whose minimum lies at an edge; grids whose minimum lies off centre
/// by more than a third of their half width; and a centre that drifts against N* over the budgets by more than a factor
/// of 1.25, which biases the exponent where the loss is not symmetric in ln N (Czech et al. 2026, arXiv 2603.22339),
/// while a constant offset moves the prefactor alone. Each names N*, of the budget or of the power law through the
/// others.
/// @param fit of method isoflop, with its budgets and its law where it has one
[[nodiscard]] std::vector<std::string> recentring_advice(const FitResult& fit);

}  // namespace scalelaw::inline fit
