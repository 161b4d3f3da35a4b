#pragma once
// The least of a function of one variable that may have several minima.
#include <functional>

namespace scalelaw::inline law {

/// Where `loss` is least between low and low + cells * step: the best of the points between the cells, refined by
/// Brent's method between its neighbours. Losses that are not finite count as larger than any. cells >= 2.
[[nodiscard]] double least_of_scan(const std::function<double(double)>& loss, double low, double step, int cells);

/// The same among the points whose two neighbours are higher, so that a loss which falls without end on one side does
/// not hide the valley before; least_of_scan where there is none.
[[nodiscard]] double valley_of_scan(const std::function<double(double)>& loss, double low, double step, int cells);

}  // namespace scalelaw::inline law
