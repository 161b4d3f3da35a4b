#pragma once
// Intervals of quantities that follow from bootstrap draws.
#include <map>
#include <vector>

#include "fit/fit.hpp"

namespace scalelaw {

/// Level of the lower end of the fit's 95 % intervals among its draws: expanded percentiles (fit/bootstrap.hpp) lie
/// further out than 0.025 in small samples. Found from where ci95 lies among the draws; 0.025 where there is no
/// interval.
[[nodiscard]] double interval_tail(const FitResult& fit);

/// Quantiles `tail` and 1 - tail. An end that falls among infinite values is infinite.
[[nodiscard]] Interval draws_interval(const std::vector<double>& values, double tail);

}  // namespace scalelaw
