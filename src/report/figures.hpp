#pragma once
// The figures of a study.
#include <vector>

#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// All that have something to draw, in the order of the page.
[[nodiscard]] std::vector<Figure> make_figures(const Analysis& analysis);

}  // namespace scalelaw::inline report
