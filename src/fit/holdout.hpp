#pragma once
// How a fit predicts runs that it has not seen, beside baselines that know no law.
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Measured losses that no run of as little compute beats, by rising flops. Points of weight 0 are left out.
[[nodiscard]] std::vector<BestMeasured> best_measured(std::vector<Observation> points);

/// Moves the points that options hold out (above holdout_above, in the budgets of hold) out of the points, and gives
/// them. Errors (config): no run lies above holdout_above.
[[nodiscard]] std::vector<Observation> take_held_out(std::vector<Observation>& points, const FitOptions& options);

/// The fit to `fitted` at the points of `held`, with the errors of three lines in ln C: through ln loss of all points
/// fitted; through those of best_measured; through the minima of the isoFLOP budgets (fit/isoflop.hpp). The last two
/// know the least loss at C and nothing of other runs, so they are asked at HoldoutBest's runs alone. A fit without
/// constants or of a law that gives no loss predicts nothing (n = 0).
[[nodiscard]] Holdout predict_held_out(const FitResult& fit, const std::vector<Observation>& fitted,
                                       const std::vector<Observation>& held, const FitOptions& options);

/// The check as a sentence that ends with a newline, and one on the baselines; empty where nothing was predicted.
[[nodiscard]] std::string describe(const Holdout& holdout);

}  // namespace scalelaw::inline fit
