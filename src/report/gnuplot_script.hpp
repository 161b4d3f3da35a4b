#pragma once
// A figure in the language of gnuplot.
#include <string>

#include "report/figure.hpp"

namespace scalelaw::inline report {

/// The gnuplot script of a figure: its data stand inside as named blocks, the picture goes to `output`.
[[nodiscard]] std::string gnuplot_script(const Figure& figure, const std::string& output, FigureFormat format);

}  // namespace scalelaw::inline report
