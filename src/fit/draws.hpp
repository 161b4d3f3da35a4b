#pragma once
// Intervals of quantities that follow from bootstrap draws.
#include <map>
#include <vector>

#include "fit/options.hpp"
#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// Fewer draws give no interval: the 2.5 % quantile would be the smallest draw.
constexpr std::size_t kFewestDraws = 40;

/// Level of the lower end of the fit's 80 or 95 % intervals among its draws: those of the parametric bootstrap
/// (fit/bootstrap.hpp) lie further out than (1 - level) / 2 in small samples. Found from where ci80 or ci95 lies among
/// the draws; (1 - level) / 2 where there is no interval.
/// @param level 0.80 or 0.95
[[nodiscard]] double interval_tail(const FitResult& fit, double level = 0.95);

/// Quantiles `tail` and 1 - tail. An end that falls among infinite values is infinite.
[[nodiscard]] Interval draws_interval(const std::vector<double>& values, double tail);

}  // namespace scalelaw::inline fit
