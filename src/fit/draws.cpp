#include "fit/draws.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stats.hpp"

namespace scalelaw::inline fit {

double interval_tail(const FitResult& fit, double level) {
  const auto& intervals = level == 0.80 ? fit.bootstrap.ci80 : fit.bootstrap.ci95;
  const double nominal = (1 - level) / 2;
  const auto& names = law_form(fit.law).parameters;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const auto it = intervals.find(names[k]);
    if (it == intervals.end()) continue;
    std::vector<double> x;
    for (const std::vector<double>& draw : fit.bootstrap.draws) {
      if (k < draw.size()) x.push_back(draw[k]);
    }
    std::sort(x.begin(), x.end());
    const auto right = std::upper_bound(x.begin(), x.end(), it->second.low);
    if (right == x.begin() || right == x.end()) continue;
    const double left = *(right - 1);
    const double rank = static_cast<double>(right - 1 - x.begin()) + (it->second.low - left) / (*right - left);
    const double tail = rank / static_cast<double>(x.size() - 1);
    if (tail <= nominal * (1 + 1e-6)) return tail;  // ties, as of a constant at its bound, can give more
  }
  return nominal;
}

Interval draws_interval(const std::vector<double>& values, double tail) {
  const double low = quantile(values, tail), high = quantile(values, 1 - tail);
  const double infinity = std::numeric_limits<double>::infinity();  // infinity minus infinity is NaN
  return {.low = std::isnan(low) ? infinity : low, .high = std::isnan(high) ? infinity : high};
}

}  // namespace scalelaw::inline fit
