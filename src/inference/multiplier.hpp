#pragma once
// How much compute one recipe saves against another.
#include <string>
#include <vector>

#include "fit/fit.hpp"

namespace scalelaw::inline inference {

/// Whether L*(C), the least loss over 6 N D = C, is known of a fit: chinchilla, kaplan, data-constrained, overtraining
/// and power-c have it, where the fit converged.
[[nodiscard]] bool has_least_loss(const FitResult& fit);
/// L*(C) of a law that has one.
[[nodiscard]] double least_loss(const Law& law, double flops);
/// C with L*(C) = loss; infinite where no compute reaches it, NaN where any compute does.
/// @param near a compute from which it is looked for
[[nodiscard]] double compute_reaching(const Law& law, double loss, double near);

/// m with L1*(m C) = L2*(C): the first source needs m times the compute to reach the loss that the second reaches with
/// C, both at their compute-optimal N and D. Above 1: the second is the better recipe.
struct ComputeMultiplier {
  double flops = 0;           ///< C, of the second source
  double value = 0;           ///< infinite where no compute of the first reaches that loss
  Interval ci95 = {};         ///< quantiles over paired bootstrap draws; both 0 with fewer than kFewestDraws
  bool extrapolated = false;  ///< C lies outside the runs of the second source, or m C outside those of the first
  std::int64_t draws = 0, unreachable = 0;  ///< pairs, and those with an infinite m, which count as such
};

/// Powers of ten within the compute that both fits have seen; its ends and middle where there are fewer than two. Empty
/// where the two ranges do not overlap.
[[nodiscard]] std::vector<double> multiplier_budgets(const FitResult& first, const FitResult& second);

/// One for each budget. Empty where a fit did not converge, or its law has no least loss at a budget (chinchilla,
/// kaplan, data-constrained, overtraining and power-c have one).
[[nodiscard]] std::vector<ComputeMultiplier> compute_multipliers(const FitResult& first, const FitResult& second,
                                                                 const std::vector<double>& flops);

/// A line for each budget and a sentence for the middle one; empty without any. Ends with a newline.
[[nodiscard]] std::string describe(const std::vector<ComputeMultiplier>& multipliers, const std::string& first,
                                   const std::string& second);

}  // namespace scalelaw::inline inference
