#pragma once
// What the tutorial's pages of runs share.
#include <vector>

#include "os/error.hpp"
#include "select/select.hpp"

namespace scalelaw::inline tutorial {

/// One point per shape and D: learning rates tuned, seeds averaged, N counts all parameters.
[[nodiscard]] inline std::vector<Observation> tuned_points(const std::vector<RunRecord>& records) {
  return select_observations(records, {.convention = {}, .min_steps = 1}).observations;
}

/// Errors (data): fewer than the page needs.
inline void need_points(std::size_t have, std::size_t need, const char* page, const char* what) {
  if (have < need)
    fail_data("{}: {} {} with a loss, the page needs {}; run its study (configs/tutorial) to the end", page, have, what,
              need);
}

}  // namespace scalelaw::inline tutorial
