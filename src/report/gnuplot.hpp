#pragma once
// Figures as SVG, PNG or PDF files through gnuplot.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "report/figure.hpp"

namespace scalelaw::inline report {

/// gnuplot on the PATH, if it is there.
[[nodiscard]] std::optional<std::filesystem::path> gnuplot_program();

/// Draws a figure atomically (a temporary file is renamed over `path`).
/// Errors (environment): gnuplot is missing, or fails (with its message).
void draw_figure(const Figure& figure, const std::filesystem::path& path, FigureFormat format);

}  // namespace scalelaw::inline report
