#pragma once
// The best learning rate of runs that differ in rate and seed alone, from records and from tables alike.
#include <vector>

#include "records/observation.hpp"
#include "select/sweep.hpp"

namespace scalelaw::inline select {

/// A sweep tuned: what was found, and the point that stands for it.
struct TunedPoint {
  LrSweep sweep;
  Observation observation;  ///< the lowest run at the best rate tried, with the rate and the loss of the vertex
};

/// Losses of one rate are averaged over seeds; the best rate and its loss are the vertex of a parabola in ln lr through
/// the lowest point and its neighbours. Needs points, at least one, each with a rate.
[[nodiscard]] TunedPoint tune_rates(const std::vector<Observation>& runs);

/// Points of a table tuned as records are.
struct TunedTable {
  std::vector<Observation> points;
  std::vector<LrSweep> sweeps;    ///< empty where nothing was tuned
  std::int64_t without_rate = 0;  ///< points beside those sweeps that name no rate: they come last, as they are
};
/// Rates are tuned per shape (where the table names it), params, tokens and unique tokens where some such pair was run
/// at several rates and no run has several rows, which would be a training curve; else the points stay as they are, in
/// their order.
[[nodiscard]] TunedTable tune_points(std::vector<Observation> points);

}  // namespace scalelaw::inline select
