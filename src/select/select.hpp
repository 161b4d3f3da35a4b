#pragma once
// From records to the observations a fit may use: the tuned loss per (shape, D).
#include <optional>
#include <string>
#include <vector>

#include "records/observation.hpp"
#include "select/branching.hpp"
#include "select/sweep.hpp"

namespace scalelaw::inline select {

struct Exclusion {
  std::string run;        ///< id or "shape at D"
  std::string reason;     ///< for people
  std::string kind = {};  ///< the reason without what is this run's alone; empty: the reason is one
};

/// Reasons with their counts, the most common first: "diverged (6), fewer than 150 optimizer steps (4)".
[[nodiscard]] std::string describe_reasons(const std::vector<Exclusion>& excluded);

struct Selection {
  std::vector<Observation> observations;  ///< one per (shape, D): tuned over lr, averaged over seeds
  std::vector<LrSweep> sweeps;
  std::vector<Exclusion> excluded;
  BranchingCheck branching;  ///< from-scratch runs, which are no part of the sweeps
};

struct SelectionOptions {
  Convention convention = {};
  std::int64_t min_steps = 150;  ///< runs with fewer optimizer steps are left out
};

/// Groups completed records by (shape, tokens), interpolates the best learning rate, and names everything left out.
/// From-scratch runs that check branching (find_branching_check) take no part.
[[nodiscard]] Selection select_observations(const std::vector<RunRecord>& records, const SelectionOptions& options);

}  // namespace scalelaw::inline select
