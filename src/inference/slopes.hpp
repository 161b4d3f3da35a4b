#pragma once
// Slopes along the compute optimum that need no law of the loss.
#include <map>
#include <string>
#include <vector>

#include "fit/fit.hpp"

namespace scalelaw::inline inference {

/// Where the optimum at each budget comes from.
enum class SlopeMethod {
  none,
  isoflop,  ///< minima of isoFLOP parabolas (fit/isoflop.hpp), at least 3 inside the sizes tried
  frontier  ///< compute_frontier (inference/frontier.hpp): a grid whose points share no budgets
};

/// isoflop where these points allow it, else frontier where they allow that.
[[nodiscard]] SlopeMethod slope_method(const std::vector<Observation>& points);

/// "isoflop_a" and "isoflop_b": N* ~ C^a, D* ~ C^b by method isoflop; "loss_slope": L* ~ C^-slope without an offset, by
/// either. Straight lines through logarithms, each budget weighing the same. Empty where the points do not allow it;
/// points of weight 0 are left out.
[[nodiscard]] std::map<std::string, double> slopes_of(const std::vector<Observation>& points, SlopeMethod method);

/// Slopes of resampled points, one entry a replicate, some of them empty: whole groups where `resample` is groups,
/// else runs within their budgets (fit/bootstrap.hpp).
[[nodiscard]] std::vector<std::map<std::string, double>> resampled_slopes(const std::vector<Observation>& points,
                                                                          SlopeMethod method,
                                                                          const BootstrapOptions& options, int threads);

}  // namespace scalelaw::inline inference
