#pragma once
// Expanding windows as a figure.
#include "fit/result.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

/// Errors of the predictions of each next level against that level: of all its points (rms) on the left, of its best
/// run on the right, each beside the baselines. Empty (no panels) where no window predicted anything.
[[nodiscard]] Figure rollout_figure(const Rollout& rollout);

}  // namespace scalelaw::inline report
