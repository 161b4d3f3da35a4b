#pragma once
// The least of the minima that many starts lead to.
#include <cstdint>
#include <optional>

#include "fit/solve.hpp"

namespace scalelaw::inline fit {

struct SearchResult {
  std::optional<Solution> best;  ///< none where the objective is finite from no start
  std::int64_t starts = 0;       ///< those that options.starts names
  std::int64_t starts_at_best = 0;
  std::int64_t paths = 0;  ///< separate ways: starts whose continuation met at one least-squares fit share a way
  std::int64_t paths_at_best = 0;
  std::int64_t minima = 0;  ///< proven ones that differ in their objective
  std::optional<double> next_best;
};

/// True at a proven minimum, inside the box or at its edge.
[[nodiscard]] bool finished(const Solution& s);

/// From the starts that options name. Unless these are one published set, whose nearest minimum is wanted: also
/// straight down (no least squares on the way) from the starts that rank best by the objective itself and from every
/// published set of the law; and again and again from the best minimum by way of the minimum for redrawn weights, until
/// that finds nothing lower (bootstrap restarting, Wood 2001, Biometrics 57, 240-244). The same for any number of
/// threads. Errors (config): an unknown name; constants of another law.
[[nodiscard]] SearchResult search(const Problem& problem, const FitOptions& options);

}  // namespace scalelaw::inline fit
