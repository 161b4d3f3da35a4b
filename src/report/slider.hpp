#pragma once
// The answer at any budget, moved over in the page.
#include <string>
#include <string_view>
#include <vector>

#include "alloc/allocation.hpp"
#include "core/json.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline report {

/// What the slider looks up, "budgets" of the page: {"law", "measured": [C, C], "largest": {"params", "tokens"},
/// "flops": [...], "params" | "tokens" | "tokens_per_param" | "loss": {"value", "low", "high"}}, each list as long as
/// flops; low and high are null where there is no interval, largest where the range is unknown. The page takes
/// logarithms and goes straight in ln C between neighbours.
/// @param grid of budget_grid (analysis/budget_grid.hpp)
[[nodiscard]] Json slider_json(const FitResult& fit, const std::vector<Allocation>& grid);

/// The slider and the places that its script fills; a line that says why there is none where the grid is empty.
[[nodiscard]] std::string slider_html(const FitResult& fit, const std::vector<Allocation>& grid);

/// Its script, for the end of the page; does nothing in a page without a slider.
[[nodiscard]] std::string_view slider_script();

}  // namespace scalelaw::inline report
