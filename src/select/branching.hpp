#pragma once
// Branches of a shared trunk against runs trained from scratch: the same learning rate and tokens, but a trunk and a
// warmup of their own.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "records/records.hpp"

namespace scalelaw::inline select {

/// How a branch compares with runs from scratch; noise_unknown: there is no seed noise to judge by.
enum class BranchStatus { within_noise, differs, noise_unknown, diverged };
constexpr std::array<std::string_view, 4> names_of(BranchStatus) {
  return {"within_noise", "differs", "noise_unknown", "diverged"};
}

/// One shape, token budget and rate that was trained both ways.
struct BranchingPoint {
  std::string shape;
  double params = 0;  ///< total
  double tokens = 0;
  double lr = 0;
  std::vector<double> branch_nats = {};   ///< losses of the branches, by seed
  std::vector<double> scratch_nats = {};  ///< losses of the runs from scratch, by seed
  double difference_nats = 0;             ///< mean of the branches minus mean of the runs from scratch
  double allowed_nats = 0;  ///< 97.5 % Student quantile times the difference's standard error; 0 = unknown
  BranchStatus status = BranchStatus::noise_unknown;
};

struct BranchingCheck {
  std::vector<BranchingPoint> points;  ///< by params, then tokens
  std::set<std::string> scratch_ids;   ///< run ids of the from-scratch runs
  std::optional<double> seed_sd_nats;  ///< pooled over all runs of one spec with several seeds at these points
  std::int64_t degrees = 0;            ///< degrees of freedom of seed_sd_nats
  /// Mean difference over the points and its 95 % half-width from their scatter; none with fewer than two points.
  std::optional<double> mean_nats, half_width_nats;
};

/// Finds them in the records. A run counts as trained from scratch if it has a trunk (schedule trunk_cooldown) that no
/// other token budget shares, and a run with the same spec but for seed and a shorter warmup branched from a trunk that
/// another budget shares. Haegele et al. 2024 (arXiv 2405.18392, section 4) find branches no worse than such runs.
///
/// The standard error of a point's difference is sd sqrt(1/n + 1/m) for n branches and m runs from scratch, whose seeds
/// are taken as independent: the same seed gives the same initialisation and batches both ways, so this allows more
/// than needed.
[[nodiscard]] BranchingCheck find_branching_check(const std::vector<RunRecord>& records);

/// "branching check: ..." in one line; empty where nothing was checked.
[[nodiscard]] std::string describe(const BranchingCheck& check);
[[nodiscard]] Json to_json(const BranchingCheck& check);

}  // namespace scalelaw::inline select
