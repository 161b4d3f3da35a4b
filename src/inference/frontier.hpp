#pragma once
// The compute frontier of a dense set of runs: which size is best at which compute.
#include <optional>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::inline inference {

/// The best size at one budget.
struct FrontierPoint {
  double flops = 0;
  double params = 0;  ///< N*
  double tokens = 0;  ///< C / (6 N*)
  double loss_nats = 0;
};

/// Power laws of the frontier, with the points' own count of N and C.
struct Frontier {
  std::vector<FrontierPoint>
      points;                  ///< by rising flops; only budgets whose best size is not the smallest or the largest
  double params_exponent = 0;  ///< of N* ~ C^a
  double tokens_exponent = 0;  ///< of D* ~ C^b
  double loss_exponent = 0;    ///< of L* ~ C^-c, without an offset
};

/// Approach 1 of Hoffmann et al. 2022 (arXiv 2203.15556) on final losses: each size's loss is interpolated along ln C
/// between its runs; at each of `budgets` budgets (evenly spaced in ln C over what is covered) the vertex of a parabola
/// in ln N through the best size and its neighbours is N*. Slopes are straight lines through the logarithms, each
/// budget weighing the same: on a curved frontier they depend on the range and on these weights. None with fewer than 3
/// sizes of at least 2 runs each, or fewer than 2 budgets with an interior best size.
[[nodiscard]] std::optional<Frontier> compute_frontier(const std::vector<Observation>& points,
                                                       std::size_t budgets = 200);

}  // namespace scalelaw::inline inference
