#pragma once
// What the report shows before anybody scrolls.
#include <string>
#include <vector>

#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// The sentence that answers, the figure `answer` where it is among `figures`, N*, D* and L* at the user's budget, what
/// not to trust, the cost and the command that repeats the study: made to fit into 1200 x 900 pixels.
[[nodiscard]] std::string first_screen(const Analysis& analysis, const std::vector<Figure>& figures);

}  // namespace scalelaw::inline report
