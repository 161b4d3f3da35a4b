#pragma once
// What a law may look at.
#include "records/observation.hpp"
#include "records/quantity.hpp"

namespace scalelaw::inline law {

/// Units: parameters, tokens, FLOPs, optimizer steps.
struct LawPoint {
  double params = 0;
  double tokens = 0;
  double flops = 0;          ///< 6 N D unless stated
  double unique_tokens = 0;  ///< 0 = all tokens are unique
  double steps = 0;          ///< S_min: steps at a batch far above the critical one
};
/// The point (N, D) with C = 6 N D and nothing else known.
[[nodiscard]] LawPoint law_point(const Scale& scale);
/// What an observation tells a law; its steps count as S_min (fit/prepare.hpp turns S into S_min).
[[nodiscard]] LawPoint law_point(const Observation& observation);

/// The different tokens among those that are read: all of them where unique_tokens is 0 or larger.
[[nodiscard]] double unique_tokens_read(const LawPoint& point);

/// Of a point, in its unit.
[[nodiscard]] double quantity_of(const LawPoint& point, Quantity quantity);

/// Smallest and largest value among the runs behind a law; 0 and 0 where that is not known.
struct ValueRange {
  double low = 0, high = 0;
  [[nodiscard]] bool known() const { return high > 0; }
};
/// The runs that a law was fitted to. Units as in LawPoint, N as the law counts it.
struct LawRange {
  ValueRange params = {}, tokens = {}, flops = {}, tokens_per_param = {};
};

}  // namespace scalelaw::inline law
