#pragma once
// Small parts that several figures share.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "analysis/text.hpp"
#include "core/format.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline report {

inline Axis params_axis() { return {"N (parameters)", Scaling::log_counts}; }
inline Axis tokens_axis() { return {"D (training tokens)", Scaling::log_counts}; }
inline Axis flops_axis() { return {"C (FLOPs)", Scaling::log_powers}; }
inline Axis loss_axis() { return {"loss (nats/token)", Scaling::log_counts}; }

/// "d32 L2 · N 27.6k · D 1.81M · C 3×10¹¹ · 1.7093 nats"
[[nodiscard]] inline std::string observation_text(const Observation& p) {
  return fmt::format("{}{}N {} · D {} · C {} · {:.4f} nats", p.shape, p.shape.empty() ? "" : " · ",
                     short_count(p.params), short_count(p.tokens), power_text(p.flops), p.loss_nats);
}

/// n values from range.low to range.high, even in ln.
[[nodiscard]] inline std::vector<double> log_space(const Interval& range, std::size_t n) {
  std::vector<double> out;
  for (std::size_t i = 0; i < n; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(n - 1);
    out.push_back(range.low * std::pow(range.high / range.low, t));
  }
  return out;
}

/// Smallest and largest N (or D) of the points, widened by 15 % on either side.
[[nodiscard]] inline Interval range_of(const std::vector<Observation>& points, bool params) {
  Interval out{INFINITY, 0};
  for (const auto& p : points) {
    const double x = params ? p.params : p.tokens;
    out.low = std::min(out.low, x / 1.15);
    out.high = std::max(out.high, x * 1.15);
  }
  return out;
}

/// Points with their index in the input, by rising N (or D), so that lines through them do not turn back.
[[nodiscard]] inline std::vector<std::pair<Observation, std::size_t>> sorted_by(const std::vector<Observation>& points,
                                                                                bool params) {
  std::vector<std::pair<Observation, std::size_t>> out;
  for (std::size_t i = 0; i < points.size(); ++i) out.emplace_back(points[i], i);
  std::ranges::stable_sort(out, {}, [params](const auto& p) { return params ? p.first.params : p.first.tokens; });
  return out;
}

}  // namespace scalelaw::inline report
