#pragma once
// Approach 1 (envelope) of Hoffmann et al. 2022, and the power laws that approaches 1 and 2 end in.
#include "fit/bootstrap.hpp"

namespace scalelaw::inline fit {

/// Approach 1 on final losses: runs that no run of at most the same compute beats, and power laws through their N and
/// D. Each run counts with its own complete schedule; checkpoints of longer runs must not be among the points.
/// Status `one_line`: all runs lie on one line in ln N and ln D, which the envelope can only return, whatever the
/// losses. Status `biased`: at this design the envelope of the noise-free losses of a law fitted to the same points
/// misses that law's own a by more than 0.05, as it does on isoFLOP grids (FitResult::bias).
[[nodiscard]] FitResult fit_envelope(const std::vector<Observation>& points, const FitOptions& options);

/// Power laws N*(C) and D*(C) through points: values {coefficient, exponent} of N* and the derived quantities.
[[nodiscard]] Refit optimum_laws(const std::vector<double>& log_flops, const std::vector<double>& log_params,
                                 const std::vector<double>& log_tokens);
/// Into the result, where they are there.
void set_laws(const Refit& laws, const FitOptions& options, FitResult& result);
[[nodiscard]] std::vector<double> weights_of(const std::vector<Observation>& points);

}  // namespace scalelaw::inline fit
