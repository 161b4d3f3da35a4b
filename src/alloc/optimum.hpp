#pragma once
// The optimum of a law under constraints that have no closed form.
#include "law/laws.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline alloc {

/// What a budget pays for and what data there are.
struct LifetimeConstraint {
  double inference_tokens = 0;  ///< served after training, 2 N FLOPs each
  double unique_tokens = 0;     ///< distinct training tokens; 0 = unlimited
};

/// Least loss with 6 N D + 2 N inference_tokens = flops, by Brent's method over ln N. `flops` of the result is 6 N D.
/// Without constraints: compute_optimal.
[[nodiscard]] Optimum constrained_optimal(const Law& law, double flops, const LifetimeConstraint& constraint);

/// Whether the optimum's size or loss may turn as the budget grows: of a law whose a is not constant, or whose loss
/// rises with the epochs, with limited data.
[[nodiscard]] bool may_turn(const Law& law, const LifetimeConstraint& constraint);

/// The smallest budget whose constrained optimum has params, tokens or loss at a given value: the root in ln C of
/// quantity(optimum(C)) = value. None where no budget of 1e-6 .. 1e60 FLOPs gives it. Where they may
/// turn: the first decade of budgets that goes past the value, a loss downwards.
enum class OptimumQuantity { params, tokens, loss };
[[nodiscard]] std::optional<Optimum> optimum_with(const Law& law, OptimumQuantity quantity, double value,
                                                  const LifetimeConstraint& constraint);

}  // namespace scalelaw::inline alloc
