#pragma once
// The budgets of approach 2: what became of their minima, and what they say without a law of the loss.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.hpp"
#include "fit/interval.hpp"

namespace scalelaw::inline fit {

/// Where the minimum of a budget's curve lies, or why the curve has none (fit/valley.hpp, budget_status_text).
enum class BudgetStatus { interior, edge_low, edge_high, not_convex, not_a_parabola, too_few_points };
constexpr std::array<std::string_view, 6> names_of(BudgetStatus) {
  return {"interior", "edge_low", "edge_high", "not_convex", "not_a_parabola", "too_few_points"};
}

/// One isoFLOP budget of approach 2.
struct IsoflopBudget {
  double flops = 0;
  std::int64_t points = 0;
  BudgetStatus status = BudgetStatus::too_few_points;
  double params = 0;  ///< N at the minimum: interior, or not_a_parabola where a curve without `plateau` has one; else 0
  double tokens = 0;
  double loss_nats = 0;
  /// loss = constant + linear x + curvature x^2, x = ln N; NaN where the curve is not a parabola
  double curvature = 0, linear = 0, constant = 0;
  Interval sizes;     ///< least and largest N tried
  double center = 0;  ///< geometric mean of the N tried
  double rms = 0;     ///< of ln loss about the parabola, with n - 3 degrees of freedom; 0 where there are none
  std::vector<std::string> plateau;  ///< runs far above every valley through the others; the minimum is without them
  double rejected_loss = 0;          ///< of the rejected parabola through all runs, where it has a minimum
  double cubic_params = 0;           ///< N at the minimum of a cubic in ln N; 0 = none
  double law_params = 0;             ///< N at the least loss of a chinchilla law fitted to all points; 0 = none
};

/// One valley against the frontier.
struct LocalValley {
  double flops = 0;
  double curvature = 0;      ///< d2L/dx2 at the minimum, x = ln N at fixed C; nats
  double slope = 0;          ///< -dL*/d ln C there; nats
  double mean_exponent = 0;  ///< curvature / (2 slope)
  std::optional<Interval> ci95 = {};
};
template <class Visit, FieldsOf<LocalValley> T>
void fields(Visit&& visit, T& v) {
  visit("flops", v.flops, any(), "the budget");
  visit("curvature", v.curvature, any(), "of the valley in ln N at its minimum, nats");
  visit("slope", v.slope, any(), "of the least loss: -dL*/d ln C, nats");
  visit("mean_exponent", v.mean_exponent, any(), "curvature / (2 slope)");
  visit("ci95", v.ci95, unless_empty(any()), "of the mean exponent, 95 %");
}

/// Slope of the frontier, and how sharp the valleys are for it.
struct WithoutLaw {
  std::optional<double> loss_slope = {};  ///< -d ln L* / d ln C: a line through the minima; none: fewer than two
  std::optional<Interval> loss_slope_ci95 = {};
  /// (alpha + beta) / 2 of any law that without_law (fit/without_law.hpp) names: sum of curvatures / (2 sum of slopes)
  /// over the valleys.
  std::optional<double> mean_exponent = {};
  std::optional<Interval> mean_exponent_ci95 = {};
  std::vector<LocalValley> valleys = {};

  [[nodiscard]] bool empty() const { return !loss_slope; }
};
template <class Visit, FieldsOf<WithoutLaw> T>
void fields(Visit&& visit, T& w) {
  visit("loss_slope", w.loss_slope, any(), "-d ln L* / d ln C");
  visit("loss_slope_ci95", w.loss_slope_ci95, unless_empty(any()), "95 %");
  visit("mean_exponent", w.mean_exponent, unless_empty(any()), "(alpha + beta) / 2");
  visit("mean_exponent_ci95", w.mean_exponent_ci95, unless_empty(any()), "95 %");
  visit("valleys", w.valleys, any(), "one for each budget");
}

}  // namespace scalelaw::inline fit
