#pragma once
// What isoFLOP valleys say without a law of the loss: the slope of the frontier, and how sharp the valleys are for it.
#include <optional>
#include <vector>

#include "core/stats.hpp"
#include "fit/isoflop_budget.hpp"

namespace scalelaw::inline fit {

/// Straight line of ln L* in ln C through the budgets with a minimum, each weighing the same; none with fewer than two.
[[nodiscard]] std::optional<Line> line_of_minima(const std::vector<IsoflopBudget>& budgets);

/// Slope of the frontier and mean exponent of these budgets, without intervals.
///
/// For every law L = f(A N^-alpha + B D^-beta) with f rising (chinchilla: f = E + S; with an outer power: E + S^k;
/// Kaplan's joint law: S^alphaD with alpha = alphaN / alphaD, beta = 1) and C = 6 N D the valley of one budget over
/// x = ln N has, at its minimum, the curvature d2L/dx2 = f' (alpha + beta) alpha A N^-alpha, and the frontier has the
/// slope dL*/d ln C = -f' alpha A N^-alpha there: f' and all amplitudes cancel, and
///     curvature / (2 |dL*/d ln C|) = (alpha + beta) / 2.
/// L* is smoothed by a parabola of ln L* in ln C (a line through two minima). docs/METHODS.md, "Without a law", derives
/// it and says how wide sizes bend it: the curvature is that of a parabola, which falls short where f bends.
[[nodiscard]] WithoutLaw without_law(const std::vector<IsoflopBudget>& budgets);

/// Fills the intervals from the same quantities of refits; quantities that fewer than kFewestDraws (fit/draws.hpp)
/// refits have get none.
/// @param tail level of the lower end (interval_tail)
void add_intervals(WithoutLaw& found, const std::vector<WithoutLaw>& refits, double tail);

}  // namespace scalelaw::inline fit
