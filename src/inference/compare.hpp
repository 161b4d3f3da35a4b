#pragma once
// The same estimator on two sources of records: do their exponents differ?
//
// Against a law (compare_with_law). Simulated studies have the same (N, D) points, weights and groups as the empirical
// one; each is fitted with the same options. With e the empirical estimate of an exponent, s_e the scale of its fit's
// residuals of ln loss, t_i and s_i the same of simulated study i, and m the median of the t_i:
//   difference = e - m,   interval = difference - s_e q,   q: quantiles of (t_i - m) / s_i
// (a parametric bootstrap-t). Bias of the estimator cancels in e - m; dividing by each study's own residual scale
// accounts for the noise being estimated, so that under the null (the law holds, the noise is normal) the 95 % interval
// misses 0 in 5 % of studies. Where the noise is given instead, s_e = s_i = 1.
//
// Between two sets of observations (compare_observations): quantiles of the differences of paired bootstrap draws, at
// the level of the fits' own intervals (fit/bootstrap.hpp).
//
// Verdict for a margin (a share of the second exponent, or an absolute difference): "different" if the 95 % interval of
// the difference excludes 0, marked within_margin where its 90 % interval lies within [-margin, margin]; else
// "equivalent" if the 90 % interval lies within it (two one-sided tests of 5 % each, Schuirmann 1987); otherwise
// "inconclusive". "not_converged" where either fit did not converge, or where fewer than half of the simulated studies
// give the exponent.
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "inference/comparison.hpp"

namespace scalelaw::inline inference {

/// Empirical observations against `law`, see the top of this file. `noise`: known sd of ln loss, or 0 to estimate it
/// and the groups' share from the residuals. Points left out by fit.drop_highest are left out of the simulated studies
/// too. Errors (config): a law whose losses at these points lie above options.largest_loss. (data): a law over
/// optimizer steps, and points without steps.
[[nodiscard]] Comparison compare_with_law(const std::string& name, const std::vector<Observation>& points,
                                          const Law& law, double noise, const CompareOptions& options);
/// Two sets of observations, each bootstrapped (200 replicates where the options ask for none).
[[nodiscard]] Comparison compare_observations(const std::string& first, const std::vector<Observation>& first_points,
                                              const std::string& second, const std::vector<Observation>& second_points,
                                              const CompareOptions& options);
}  // namespace scalelaw::inline inference
