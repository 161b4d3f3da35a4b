#pragma once
// Figures as Plotly draws them.
#include "core/json.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// Plotly's data, layout and size of a figure: {"id","height","data":[…],"layout":{…}}.
[[nodiscard]] Json plotly_figure(const Figure& figure);

}  // namespace scalelaw::inline report
