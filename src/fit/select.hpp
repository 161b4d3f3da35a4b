#pragma once
// From records to the observations a fit may use: the tuned loss per (shape, D).
#include <string>
#include <vector>

#include "core/observation.hpp"

namespace scalelaw {

/// The learning-rate sweep of one shape at one token budget.
struct LrSweep {
  std::string shape;
  double params = 0;
  double tokens = 0;
  double budget = 0;
  struct Point {
    double lr = 0;
    double loss_nats = 0;  ///< mean over seeds
    std::int64_t seeds = 0;
  };
  std::vector<Point> points;  ///< by rising lr
  double best_lr = 0;         ///< vertex of a parabola in ln lr through the best point and its neighbours
  double best_loss_nats = 0;  ///< loss at that vertex
  std::string status;         ///< "interior" | "edge_low" | "edge_high" | "single" | "not_convex"
};

struct Exclusion {
  std::string run;     ///< id or "shape at D"
  std::string reason;  ///< for people
};

struct Selection {
  std::vector<Observation> observations;  ///< one per (shape, D): tuned over lr, averaged over seeds
  std::vector<LrSweep> sweeps;
  std::vector<Exclusion> excluded;
};

struct SelectionOptions {
  Convention convention = {};
  std::int64_t min_steps = 150;  ///< runs with fewer optimizer steps are left out
  bool keep_edge = true;         ///< keep points whose best lr lies on the edge of the sweep (flagged in the sweep)
};

/// Groups completed records by (shape, tokens), interpolates the best learning rate, and names everything left out.
[[nodiscard]] Selection select_observations(const std::vector<RunRecord>& records, const SelectionOptions& options);

}  // namespace scalelaw
