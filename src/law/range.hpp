#pragma once
// How far a point lies outside the runs that a law was fitted to.
#include <string>
#include <vector>

#include "law/laws.hpp"

namespace scalelaw {

/// What a law of this kind has to be told of a run.
struct LawNeeds {
  bool params = false, tokens = false, flops = false, steps = false;
};
/// power-n: N; power-d: D; power-c and optimal: C; kaplan-steps: N and S; all others N and D.
[[nodiscard]] LawNeeds law_needs(LawKind kind);

/// One quantity of a point beyond the runs.
struct Outside {
  std::string quantity;  ///< params | tokens | tokens_per_param | flops
  double value = 0;
  ValueRange range;   ///< of the runs
  double factor = 1;  ///< how many times beyond the nearer end, > 1
  bool above = true;  ///< beyond the largest, else below the smallest
};

/// What of N, D, D/N and C lies outside `range` by more than a factor of `slack` (>= 1), in this order. Quantities that
/// the point lacks (0), whose range is unknown or of which a law of this kind says nothing are passed over.
[[nodiscard]] std::vector<Outside> outside(const LawRange& range, LawKind kind, const LawPoint& point,
                                           double slack = 1);

/// "N = 1.2M lies 6.94 times above the largest (173k), D = 10k lies 140 times below the smallest (1.4M)".
[[nodiscard]] std::string describe(const std::vector<Outside>& outside);
/// {"quantity", "value", "range": [low, high], "factor", "side": "above" | "below"}, one for each.
[[nodiscard]] Json to_json(const std::vector<Outside>& outside);

}  // namespace scalelaw
