#pragma once
// A law or a fit and a budget -> how many parameters and tokens.

#include "alloc/allocation.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline alloc {

/// Where the law allocates best. Intervals are the central 95 % of the bootstrap draws, each allocated in the same way:
/// the same draws for every quantity. A draw that no compute brings to what was asked (`unreachable`) counts as its
/// limit of endless compute: N, D and C infinite, D/N infinite or 0. A quantity has no interval where both ends would
/// be infinite, and the loss none under a law of the optimal size alone. Errors (config): not exactly one request; a
/// number that is not positive; a target loss that no compute reaches; a law without an optimum, or without a loss
/// where that is asked for; inference_tokens or unique_tokens with a fixed model or fixed data. Errors (data): a fit
/// that did not converge: its constants are where the solver stopped, not what the data say.
[[nodiscard]] Allocation allocate(const FitResult& fit, const AllocationRequest& request);
[[nodiscard]] Allocation allocate(const Law& law, const AllocationRequest& request);

}  // namespace scalelaw::inline alloc
