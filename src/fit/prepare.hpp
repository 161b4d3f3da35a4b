#pragma once
// From the points given to the points fitted: what is left out, weighted or converted on the way.
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"
#include "law/critical_batch.hpp"
#include "select/select.hpp"

namespace scalelaw::inline fit {

/// Without the k highest losses. Errors (config): k outside 0 .. number of points.
[[nodiscard]] std::vector<Observation> without_highest(std::vector<Observation> points, std::int64_t k);

/// Weights times the inverse variance of the residual from loss_stderr where options ask for it, scaled to mean 1 over
/// the points. Errors (data): a point without a positive loss_stderr.
[[nodiscard]] std::vector<Observation> weighted(std::vector<Observation> points, const FitOptions& options);

/// Steps replaced by S_min = S / (1 + B_crit(L) / B) at the observed loss. A point without batch_tokens is taken to
/// give S_min already; one without steps gets S = D / B. Errors (data): a point with neither.
[[nodiscard]] std::vector<Observation> with_minimum_steps(std::vector<Observation> points,
                                                          const CriticalBatch& critical);

/// What approach 1 may use of training curves, and what it may not.
struct CurvePoints {
  std::vector<Observation> points;  ///< those of one run share a group (their trunk, or else the run)
  std::vector<Observation> finals;  ///< the last of each run's
  std::vector<Exclusion> excluded;
};

/// Points of training curves, several rows with one `run`, each with its learning rate: those are kept where the rate
/// has fallen to a tenth of the run's peak (within 1 %): a schedule that ended there would have been about as good as
/// one that decays to 0, while a decay to a fifth is clearly worse (Hoffmann et al. 2022). Points of a warmup and of an
/// undecayed trunk never are. Neighbours of a run lie at least a hundredth of a decade of tokens apart. A run with a
/// single row is its final loss. Errors (data): a run with several rows and a row without lr; a row without run.
[[nodiscard]] CurvePoints decayed_points(const std::vector<Observation>& curves);

/// The rows of a study's curves/<run_id>.csv as such points. Training losses are moved by what the run's held-out loss
/// differs from them over the last fiftieth of its tokens. Empty for a run without a loss.
/// Errors (data): a column that is missing, a cell that is not a number.
[[nodiscard]] std::vector<Observation> curve_observations(const RunRecord& record, const Convention& convention,
                                                          const std::filesystem::path& curve);

}  // namespace scalelaw::inline fit
