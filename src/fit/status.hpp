#pragma once
// How a fit ended.
#include <array>
#include <string_view>

namespace scalelaw::inline fit {

/// How a fit ended: docs/RECORDS.md, "Convergence of a fit".
enum class FitStatus { converged, at_bound, stalled, diverged, too_few_points, design, one_line, biased, few_points };
constexpr std::array<std::string_view, 9> names_of(FitStatus) {
  return {"converged", "at_bound", "stalled", "diverged",  "too_few_points",
          "design",    "one_line", "biased",  "few_points"};
}

}  // namespace scalelaw::inline fit
