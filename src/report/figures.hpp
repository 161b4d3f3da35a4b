#pragma once
// The figures of a study.
#include "analysis/analysis.hpp"
#include "report/figure.hpp"

namespace scalelaw {

// Each is empty (no panels) where there is nothing to draw.
[[nodiscard]] Figure curves_figure(const Analysis& analysis);      ///< training loss against tokens
[[nodiscard]] Figure isoflop_figure(const Analysis& analysis);     ///< loss against N at each budget, parabolas, minima
[[nodiscard]] Figure loss_figure(const Analysis& analysis);        ///< L against N at each D, L against D at each N
[[nodiscard]] Figure surface_figure(const Analysis& analysis);     ///< fitted surface with the points
[[nodiscard]] Figure residual_figure(const Analysis& analysis);    ///< observed / fitted - 1
[[nodiscard]] Figure allocation_figure(const Analysis& analysis);  ///< N* and D* against C, published laws beside
[[nodiscard]] Figure sweeps_figure(const Analysis& analysis);      ///< loss against learning rate per shape
[[nodiscard]] Figure cloud_figure(const Analysis& analysis);       ///< bootstrap draws of the two exponents

/// Exponents of both sides and their differences; no panels where no exponent has a verdict.
[[nodiscard]] Figure comparison_figure(const Comparison& comparison);

/// All that have something to draw, in the order of the page.
[[nodiscard]] std::vector<Figure> make_figures(const Analysis& analysis);

}  // namespace scalelaw
