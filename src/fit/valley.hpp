#pragma once
// Checks of approach 2: is the loss of a budget a valley, is a parabola its shape, and does the design bias N*.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// interior -> "minimum inside the sizes tried".
[[nodiscard]] const char* budget_status_text(BudgetStatus status);
/// Whether the budget has an N*, from its parabola or from the curve that replaces a rejected one.
[[nodiscard]] bool has_minimum(const IsoflopBudget& budget);

/// constant + linear x + curvature x^2.
struct Parabola {
  double constant = 0, linear = 0, curvature = 0;

  [[nodiscard]] double at(double x) const { return constant + x * (linear + curvature * x); }
  [[nodiscard]] double vertex() const { return -linear / (2 * curvature); }
};
[[nodiscard]] Parabola fit_parabola(std::span<const double> x, std::span<const double> y, std::span<const double> w);

/// x of the minimum of a weighted cubic; none with fewer than five points, or where it has none inside them.
[[nodiscard]] std::optional<double> cubic_minimum(std::span<const double> x, std::span<const double> y,
                                                  std::span<const double> w);

/// Largest relative residual of the best valley c + p e^(-alpha x) + q e^(beta x) through y, p and q >= 0, exponents in
/// 0.1 .. 1: every budget of every law is one (x = ln N). A run that never learned is not on any.
[[nodiscard]] double valley_misfit(std::span<const double> x, std::span<const double> y);

/// What a budget's losses are.
struct ValleyCheck {
  bool valley = true;                ///< the runs without those in `above` lie on one
  std::vector<std::size_t> above{};  ///< runs that no valley through the others reaches: the highest ones
};
/// Fewest highest runs whose removal leaves a valley, at most half of them and at least 3 sizes kept.
/// @param x rising, y their losses
/// @param noise sd of ln loss; 0 = unknown. A run may miss the valley by max(5 %, 4 noise).
[[nodiscard]] ValleyCheck check_valley(std::span<const double> x, std::span<const double> y, double noise);

/// A parabola whose vertex lies so far, relative, below every measured loss does not describe it.
constexpr double kVertexBelow = 0.03;

/// The law itself where it has an optimum of N and D and predicts a loss, else chinchilla.
[[nodiscard]] LawKind kind_beside(LawKind law);

/// The law of the loss whose optimum and noise-free losses stand beside approaches 1 and 2: that of kind_beside, fitted
/// to the same points. None where it does not converge.
[[nodiscard]] std::optional<Law> law_beside(const std::vector<Observation>& points, LawKind law, int threads);

/// Fills cubic_params and law_params of the budgets and returns the caution where parabolas through the law's own
/// losses at the same sizes miss its optimum by more than a tenth (median over budgets).
/// @param members points of each budget that its curve goes through
[[nodiscard]] std::vector<std::string> compare_minima(const std::vector<Observation>& points,
                                                      const std::vector<std::vector<std::size_t>>& members,
                                                      const std::optional<Law>& law,
                                                      std::vector<IsoflopBudget>& budgets);

/// Names the budgets whose parabola was rejected, and their plateau runs; a line each.
[[nodiscard]] std::vector<std::string> rejected_parabolas(const std::vector<IsoflopBudget>& budgets);

}  // namespace scalelaw::inline fit
