#pragma once
// The sizes of an isoFLOP design.
#include <vector>

#include "design/config.hpp"

namespace scalelaw::inline design {

/// Params expected to be optimal for a budget: optimum_coefficient * flops^optimum_exponent.
[[nodiscard]] double expected_optimum(const DesignConfig& design, double flops);

/// Sizes of an isoFLOP ladder for every budget, smallest first. The rungs are a geometric series (ratio size_factor)
/// through the smallest budget's expected optimum, each a buildable shape with aspect_min <= d_model / n_layer <=
/// aspect_max and d_model >= min_width: within an eighth of a step the one of most middling aspect, else the nearest in
/// params. A budget takes the sizes_per_budget rungs centred on its optimum, and more where shapes are so coarse that
/// one of its sides would stay empty (below the smallest shape it does). Budgets share rungs, so that their runs share
/// trunks.
[[nodiscard]] std::vector<std::vector<ShapeConfig>> isoflop_ladder(const StudyConfig& config);

}  // namespace scalelaw::inline design
