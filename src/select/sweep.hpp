#pragma once
// The learning-rate sweep of one shape at one token budget.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/names.hpp"

namespace scalelaw::inline select {

/// Where the best learning rate lies: between others, at an end of the sweep, alone, or in no valley.
enum class SweepStatus { interior, edge_low, edge_high, single, not_convex };
constexpr std::array<std::string_view, 5> names_of(SweepStatus) {
  return {"interior", "edge_low", "edge_high", "single", "not_convex"};
}

/// The learning-rate sweep of one shape at one token budget.
struct LrSweep {
  std::string shape;
  double params = 0;
  double tokens = 0;
  struct Point {
    double lr = 0;
    double loss_nats = 0;  ///< mean over seeds
    std::int64_t seeds = 0;
  };
  std::vector<Point> points;  ///< by rising lr
  double best_lr = 0;         ///< vertex of a parabola in ln lr through the best point and its neighbours
  double best_loss_nats = 0;  ///< loss at that vertex
  double curvature_nats = 0;  ///< a rate off by ln lr costs this times its square; 0 where there is no vertex
  SweepStatus status = SweepStatus::interior;
  /// Standard errors over seeds of ln best_lr and of best_loss_nats: jackknife over the seeds that were run at every
  /// rate; none with fewer than two of them.
  std::optional<double> ln_lr_stderr = {}, loss_stderr = {};
  double diverged_lr = 0;  ///< lowest rate above best_lr at which every seed diverged; 0 = none

  [[nodiscard]] bool on_edge() const { return status == SweepStatus::edge_low || status == SweepStatus::edge_high; }
};

/// "d32 L2 at 512k tokens"
[[nodiscard]] std::string describe_point(const LrSweep& sweep);
[[nodiscard]] Json to_json(const LrSweep& sweep);

}  // namespace scalelaw::inline select
