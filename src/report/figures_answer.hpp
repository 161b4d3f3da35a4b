#pragma once
// The one figure of the report's first screen.
#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// Loss against N: the points of each isoFLOP budget with the law that answers drawn through them, the frontier of its
/// optima over C, the answer at the user's budget, and held-out points with what was predicted of them. Points that
/// belong to no budget are drawn in grey. No panels without points.
[[nodiscard]] Figure answer_figure(const Analysis& analysis);

}  // namespace scalelaw::inline report
