#pragma once
// How far a point lies outside the runs that a law was fitted to.
#include <string>
#include <vector>

#include "law/laws.hpp"

namespace scalelaw::inline law {

enum class RangeOf { params, tokens, tokens_per_param, flops };
constexpr std::array<std::string_view, 4> names_of(RangeOf) {
  return {"params", "tokens", "tokens_per_param", "flops"};
}

/// One quantity of a point beyond the runs.
struct Outside {
  RangeOf quantity = RangeOf::params;
  double value = 0;
  ValueRange range;   ///< of the runs
  double factor = 1;  ///< how many times beyond the nearer end, > 1
  bool above = true;  ///< beyond the largest, else below the smallest
};

/// What of N, D, D/N and C lies outside `range` by more than a factor of `slack` (>= 1), in this order. Quantities that
/// the point lacks (0), whose range is unknown or of which a law of this kind says nothing are passed over.
[[nodiscard]] std::vector<Outside> outside(const LawRange& range, LawKind kind, const LawPoint& point,
                                           double slack = 1);
/// The same of a point whose N, D and C all count, whatever law named it.
[[nodiscard]] std::vector<Outside> outside_in_any(const LawRange& range, const LawPoint& point, double slack = 1);

/// "N = 1.2M lies 6.94 times above the largest (173k), D = 10k lies 140 times below the smallest (1.4M)".
[[nodiscard]] std::string describe(const std::vector<Outside>& outside);
/// {"quantity", "value", "range": [low, high], "factor", "side": "above" | "below"}, one for each.
[[nodiscard]] Json to_json(const std::vector<Outside>& outside);

}  // namespace scalelaw::inline law
