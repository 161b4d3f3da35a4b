#include "study/cost.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/format.hpp"
#include "design/plan.hpp"
#include "records/shape.hpp"
#include "study/memory.hpp"

namespace scalelaw::inline study {

std::vector<std::vector<RunSpec>> members_of(const std::vector<RunSpec>& runs) {
  std::map<std::tuple<double, std::int64_t, std::string>, std::vector<RunSpec>> groups;
  for (const RunSpec& run : runs) groups[{run.optimizer.lr, run.seed, member_id(run)}].push_back(run);
  std::vector<std::vector<RunSpec>> members;
  for (auto& [order, group] : groups) members.push_back(std::move(group));
  return members;
}

double job_bytes(const std::vector<RunSpec>& runs, const JobPlace& place) {
  const std::int64_t members = std::ssize(members_of(runs));
  return place.device == DeviceKind::cuda ? device_bytes(runs.front(), members, place.corpus_bytes)
                                          : host_bytes(runs.front(), members, place.engine);
}

bool fits(const std::vector<RunSpec>& runs, const JobLimit& limit) {
  return limit.bytes <= 0 || job_bytes(runs, limit.place) <= limit.bytes;
}

std::vector<std::vector<RunSpec>> split_to_fit(std::vector<RunSpec> runs, const JobLimit& limit) {
  const std::vector<std::vector<RunSpec>> members = members_of(runs);
  const double wanted = limit.flops > 0 ? training_flops(runs) / limit.flops : 1;
  const auto least = static_cast<std::size_t>(std::clamp(std::floor(wanted), 1.0, static_cast<double>(members.size())));
  if (least == 1 && fits(runs, limit)) return {std::move(runs)};
  for (std::size_t jobs = least; jobs <= members.size(); ++jobs) {
    std::vector<std::vector<RunSpec>> parts(jobs);
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::vector<RunSpec>& part = parts[i * jobs / members.size()];
      part.insert(part.end(), members[i].begin(), members[i].end());
    }
    if (std::ranges::all_of(parts, [&](const auto& part) { return fits(part, limit); })) return parts;
  }
  const bool cuda = limit.place.device == DeviceKind::cuda;
  fail_config("{}: one run takes {} of memory on a {}, but a worker may take {}; {}", shape_name(runs.front().model),
              short_bytes(job_bytes(members.front(), limit.place)), cuda ? "CUDA device" : "CPU",
              short_bytes(limit.bytes),
              cuda ? "lower design.batch_tokens or backend.jobs_per_device, or raise backend.device_memory_mib"
                   : "raise backend.memory_mib, lower backend.workers, or train on CUDA");
}

double job_seconds(const std::vector<RunSpec>& runs, const Speed& speed) {
  std::int64_t steps = 0, evaluated = 0;
  for (const std::vector<RunSpec>& member : members_of(runs)) {
    std::int64_t trunk = 0;
    for (const RunSpec& run : member) {
      const std::int64_t own = trunk_id(run).empty() ? run_steps(run) : cooldown_steps(run);
      steps += own;
      trunk = std::max(trunk, run_steps(run) - own);
      evaluated += run.data.eval_tokens;
    }
    steps += trunk;
  }
  return speed.start_s + static_cast<double>(steps) * speed.member_step_s +
         static_cast<double>(evaluated) * speed.eval_token_s;
}

double schedule_seconds(const std::vector<double>& jobs, std::int64_t workers) {
  std::vector<double> busy(static_cast<std::size_t>(std::max<std::int64_t>(1, workers)), 0.0);
  for (const double seconds : jobs) *std::ranges::min_element(busy) += seconds;
  return std::ranges::max(busy);
}

}  // namespace scalelaw::inline study
