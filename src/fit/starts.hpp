#pragma once
// Where a fit starts from.
#include <vector>

#include "fit/problem.hpp"

namespace scalelaw::inline fit {

/// Values of all parameters, natural units.
using StartValues = std::vector<double>;

/// Variable projection (Golub and Pereyra 1973): a grid over the exponents; at each the amplitudes and the offset
/// follow from least squares on relative errors, none negative. The best few cells that are not neighbours, best first.
/// Parameters that the problem fixes keep their value. Empty where no cell has a solution.
[[nodiscard]] std::vector<StartValues> projection_starts(const Problem& problem);

/// Starts of a search for the least minimum.
struct SearchStarts {
  std::vector<StartValues> projected;  ///< projection_starts
  /// The same cells ranked by the objective itself: those below all their neighbours, then the best that are not
  /// neighbours; last the published constants of the law, as they are and with their amplitudes fitted to the points.
  std::vector<StartValues> ranked;
};
[[nodiscard]] SearchStarts search_starts(const Problem& problem);

/// Hoffmann et al. 2022, appendix D.2: alpha, beta in 0 .. 2 by 0.5, ln E in -1 .. 1 by 0.5, ln A, ln B in 0 .. 25 by
/// 5: 4,500 starts. Errors (config): a law other than chinchilla.
[[nodiscard]] std::vector<StartValues> hoffmann_grid_starts(const Problem& problem);

}  // namespace scalelaw::inline fit
