#include "study/cost.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/format.hpp"
#include "design/plan.hpp"
#include "records/shape.hpp"
#include "study/memory.hpp"

namespace scalelaw::inline study {

namespace {

/// Errors (config): always. @param runs of one member
[[noreturn]] void fail_too_large(const std::vector<RunSpec>& runs, const JobLimit& limit) {
  const bool cuda = limit.place.device == DeviceKind::cuda;
  const RunSpec& spec = runs.front();
  JobPlace place = limit.place;
  double bytes = job_bytes(runs, place);
  std::string micro;
  if (place.micro_tokens == 0) {
    place.micro_tokens = spec.model.context;
    const double least = job_bytes(runs, place);
    if (least < bytes) micro = fmt::format(" even in micro-batches of {} tokens", spec.model.context);
    bytes = std::min(least, bytes);
  }
  fail_config("{}: one run takes {} of memory on a {}{}, but a worker may take {}; {}{}", shape_name(spec.model),
              short_bytes(bytes), cuda ? "CUDA device" : "CPU", micro, short_bytes(limit.bytes),
              limit.place.micro_tokens == 0 ? "" : "lower training.micro_tokens, or ",
              cuda ? "lower backend.jobs_per_device, or raise backend.device_memory_mib"
                   : "raise backend.memory_mib, lower backend.workers, or train on CUDA");
}

}  // namespace

std::vector<std::vector<RunSpec>> members_of(const std::vector<RunSpec>& runs) {
  std::map<std::tuple<double, std::int64_t, std::string>, std::vector<RunSpec>> groups;
  for (const RunSpec& run : runs) groups[{run.optimizer.lr, run.seed, member_id(run)}].push_back(run);
  std::vector<std::vector<RunSpec>> members;
  for (auto& [order, group] : groups) members.push_back(std::move(group));
  return members;
}

std::int64_t micro_batch(const RunSpec& spec, std::int64_t tokens) {
  const std::int64_t batch = spec.data.batch_tokens, context = spec.model.context, windows = batch / context;
  if (tokens == 0 || tokens >= batch) return 0;
  std::int64_t most = std::max<std::int64_t>(1, tokens / context);
  while (windows % most != 0) --most;
  return most == windows ? 0 : most * context;
}

double job_bytes(const std::vector<RunSpec>& runs, const JobPlace& place) {
  const std::int64_t members = std::ssize(members_of(runs));
  const std::int64_t micro = micro_batch(runs.front(), place.micro_tokens);
  return place.device == DeviceKind::cuda ? device_bytes(runs.front(), members, place.corpus_bytes, micro)
                                          : host_bytes(runs.front(), members, place.engine, micro);
}

std::optional<std::int64_t> micro_to_fit(const std::vector<RunSpec>& runs, const JobLimit& limit) {
  const RunSpec& spec = runs.front();
  const std::int64_t asked = limit.place.micro_tokens, context = spec.model.context;
  std::int64_t micro = micro_batch(spec, asked);
  if (limit.bytes <= 0 || job_bytes(runs, limit.place) <= limit.bytes) return micro;
  if (asked != 0 || members_of(runs).size() > 1) return std::nullopt;
  JobPlace place = limit.place;
  for (std::int64_t below = spec.data.batch_tokens; below > context; below = micro) {
    micro = place.micro_tokens = micro_batch(spec, below - context);
    if (job_bytes(runs, place) <= limit.bytes) return micro;
  }
  return std::nullopt;
}

bool fits(const std::vector<RunSpec>& runs, const JobLimit& limit) { return micro_to_fit(runs, limit).has_value(); }

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
  fail_too_large(members.front(), limit);
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
