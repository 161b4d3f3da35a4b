#pragma once
// What a fit knows of the runs behind it.
#include <optional>

#include "fit/fit.hpp"
#include "law/range.hpp"

namespace scalelaw::inline alloc {

/// The range of the observations of a fit; unknown quantities where its file does not hold them.
[[nodiscard]] LawRange range_of(const FitResult& fit);

/// The least loss measured with at most `flops` (1 % more, for rounding), where it lies below `predicted` by more than
/// 0.1 % and by more than twice the noise of one run, where that is known: the law's best model at that budget is worse
/// than one that was trained. None for a predicted loss that is not finite.
[[nodiscard]] std::optional<BestMeasured> measured_below(const FitResult& fit, double flops, double predicted);

}  // namespace scalelaw::inline alloc
