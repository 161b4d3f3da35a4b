#pragma once
// Figures of the runs of a study. Each is empty (no panels) where there is nothing to draw.
#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

[[nodiscard]] Figure curves_figure(const Analysis& analysis);   ///< training loss against tokens
[[nodiscard]] Figure isoflop_figure(const Analysis& analysis);  ///< loss against N at each budget, parabolas, minima
[[nodiscard]] Figure loss_figure(const Analysis& analysis);     ///< L against N at each D, L against D at each N
[[nodiscard]] Figure sweeps_figure(const Analysis& analysis);   ///< loss against learning rate per shape

}  // namespace scalelaw::inline report
