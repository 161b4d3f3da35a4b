#include "train/trunk_plan.hpp"

#include <algorithm>
#include <map>
#include <tuple>

namespace scalelaw::inline train {
namespace {

std::int64_t branch_point(const RunSpec& spec) {
  return spec.schedule.kind == ScheduleKind::trunk_cooldown ? run_steps(spec) - cooldown_steps(spec) : 0;
}

}  // namespace

TrunkPlan plan_trunk(const Job& job) {
  using Order = std::tuple<double, std::int64_t, std::string>;  // learning rate and seed first: a readable order
  std::map<Order, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < job.runs.size(); ++i) {
    const RunSpec& spec = job.runs[i];
    groups[{spec.optimizer.lr, spec.seed, member_id(spec)}].push_back(i);
  }
  TrunkPlan plan;
  plan.member_of.resize(job.runs.size());
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::size_t>> branches;
  for (auto& [order, runs] : groups) {
    std::sort(runs.begin(), runs.end(),
              [&](std::size_t a, std::size_t b) { return job.runs[a].data.tokens < job.runs[b].data.tokens; });
    for (const std::size_t run : runs) {
      plan.member_of[run] = plan.members.size();
      branches[{branch_point(job.runs[run]), run_steps(job.runs[run])}].push_back(run);
    }
    plan.members.push_back(runs);
  }
  for (auto& [steps, runs] : branches) {
    plan.branches.push_back({.trunk_step = steps.first, .steps = steps.second, .runs = std::move(runs)});
  }
  return plan;
}

std::vector<std::size_t> TrunkPlan::members_from(std::size_t branch) const {
  std::vector<bool> needed(members.size(), false);
  for (std::size_t b = branch; b < branches.size(); ++b) {
    for (const std::size_t run : branches[b].runs) needed[member_of[run]] = true;
  }
  std::vector<std::size_t> result;
  for (std::size_t m = 0; m < members.size(); ++m) {
    if (needed[m]) result.push_back(m);
  }
  return result;
}

std::int64_t TrunkPlan::member_steps_before(std::size_t branch) const {
  std::int64_t total = 0, trunk_step = 0;
  for (std::size_t b = 0; b < branch; ++b) {
    total += (branches[b].trunk_step - trunk_step) * static_cast<std::int64_t>(members_from(b).size());
    total += (branches[b].steps - branches[b].trunk_step) * static_cast<std::int64_t>(branches[b].runs.size());
    trunk_step = branches[b].trunk_step;
  }
  return total;
}

}  // namespace scalelaw::inline train
