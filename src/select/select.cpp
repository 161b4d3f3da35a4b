#include "select/select.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/format.hpp"
#include "select/tune.hpp"

namespace scalelaw::inline select {
namespace {

// Runs that differ in learning rate and seed alone share it; ordered by size, then tokens.
using SweepKey = std::tuple<double, std::string, std::int64_t, std::int64_t>;

}  // namespace

std::string describe_reasons(const std::vector<Exclusion>& excluded) {
  std::vector<std::pair<std::string, std::size_t>> kinds;
  for (const Exclusion& e : excluded) {
    const std::string& kind = e.kind.empty() ? e.reason : e.kind;
    const auto it = std::ranges::find(kinds, kind, &std::pair<std::string, std::size_t>::first);
    if (it == kinds.end()) {
      kinds.emplace_back(kind, 1);
    } else {
      ++it->second;
    }
  }
  std::ranges::stable_sort(kinds, [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<std::string> parts;
  for (const auto& [kind, count] : kinds) parts.push_back(fmt::format("{} ({})", kind, count));
  return fmt::format("{}", fmt::join(parts, ", "));
}

Selection select_observations(const std::vector<RunRecord>& records, const SelectionOptions& options) {
  Selection out;
  out.branching = find_branching_check(records);
  std::map<SweepKey, std::vector<Observation>> groups;
  std::map<SweepKey, std::set<double>> diverged;
  const auto key_of = [&](const RunRecord& r, std::int64_t tokens) -> SweepKey {
    return {params_of(r, options.convention), canonical_json(to_json_fields(r.spec.model)), tokens,
            r.spec.data.unique_tokens};
  };
  for (const RunRecord& r : records) {
    if (r.outcome.status == RunStatus::diverged)
      diverged[key_of(r, run_steps(r.spec) * r.spec.data.batch_tokens)].insert(r.spec.optimizer.lr);
    if (out.branching.scratch_ids.contains(r.id)) {
      out.excluded.push_back({r.id, "trained from scratch to check branching, no part of a sweep"});
    } else if (r.outcome.status != RunStatus::completed || !r.loss.nats) {
      const std::string why = r.outcome.message.empty() ? "" : ": " + r.outcome.message;
      out.excluded.push_back({r.id, fmt::format("{} at step {}{}", r.outcome.status, r.outcome.step, why),
                              std::string(name_of(r.outcome.status))});
    } else if (run_steps(r.spec) < options.min_steps) {
      out.excluded.push_back({r.id,
                              fmt::format("{} optimizer steps, fewer than {}", run_steps(r.spec), options.min_steps),
                              fmt::format("fewer than {} optimizer steps", options.min_steps)});
    } else {
      groups[key_of(r, r.tokens)].push_back(*observe(r, options.convention));
    }
  }
  for (const auto& [key, members] : groups) {
    auto [sweep, observation] = tune_rates(members);
    for (const double lr : diverged[key]) {  // rising
      const bool completed = std::ranges::count(sweep.points, lr, &LrSweep::Point::lr) > 0;
      if (lr > sweep.best_lr && !completed && sweep.diverged_lr == 0) sweep.diverged_lr = lr;
    }
    out.observations.push_back(std::move(observation));
    out.sweeps.push_back(std::move(sweep));
  }
  return out;
}

}  // namespace scalelaw::inline select
