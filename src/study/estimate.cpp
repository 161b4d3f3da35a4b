#include "study/estimate.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/format.hpp"

namespace scalelaw {

WorkerSetup cpu_setup(const StudyConfig& config, const Environment& environment) {
  return {.workers = cpu_workers(config.backend, config.training.threads_per_worker, environment),
          .threads = config.training.threads_per_worker,
          .engine = config.training.engine};
}

JobLimit job_limit(const StudyConfig& config, const Environment& environment, const CorpusFacts* corpus) {
  const std::string& kind = config.backend.kind;
  const bool cuda = trains_on_cuda(config.backend, environment);
  JobLimit limit;
  if (cuda && (kind == "train" || kind == "auto")) {
    limit.bytes = device_share_bytes(config.backend, environment);
    limit.place = {
        .engine = "torch",
        .device = "cuda",
        .corpus_bytes = corpus == nullptr ? 0 : static_cast<double>(corpus->train_tokens + corpus->validation_tokens)};
    return limit;
  }
  const WorkerSetup setup = cpu_setup(config, environment);
  limit.place.engine = setup.engine;
  if (kind != "train") return limit;
  constexpr double kFlops = 2e11;  // a few seconds
  limit.bytes = worker_bytes(config.backend, setup.workers, environment);
  limit.flops = kFlops;
  return limit;
}

StudyEstimate estimate_study(const StudyConfig& config, const std::vector<RunSpec>& runs,
                             const Environment& environment, const CorpusFacts* corpus, const SpeedTable& speeds) {
  StudyEstimate e;
  e.workers = cpu_setup(config, environment);
  e.limit = job_limit(config, environment, corpus);
  e.jobs = group_jobs(runs, {}, {}, e.limit);
  std::vector<double> seconds;
  for (std::size_t i = 0; i < e.jobs.size(); ++i) {
    const JobPlan& job = e.jobs[i];
    e.flops += job.flops;
    if (const double bytes = job_bytes(job.runs, e.limit.place); bytes > e.peak_bytes) {
      e.peak_bytes = bytes;
      e.largest = i;
    }
    const auto speed = speeds.find(speed_key(job.runs, e.workers));
    if (speed == speeds.end()) {
      seconds.push_back(job.flops / config.training.flops_per_s);
      continue;
    }
    seconds.push_back(job_seconds(job.runs, speed->second));
    ++e.measured;
    const std::string& engine = speed->second.engine;
    if (std::ranges::find(e.engines, engine) == e.engines.end()) e.engines.push_back(engine);
  }
  e.seconds = schedule_seconds(seconds, e.workers.workers);
  return e;
}

SpeedTable measure_jobs(const StudyConfig& config, const StudyEstimate& estimate, const Environment& environment) {
  if (environment.cpu_trainer.empty()) {
    fail_device(
        "scalelaw-trainer is not beside this program, so nothing can be measured; scripts/setup.sh and "
        "scripts/build.sh release make it");
  }
  SpeedTable speeds;
  for (const JobPlan& plan : estimate.jobs) {
    const std::string key = speed_key(plan.runs, estimate.workers);
    if (speeds.contains(key)) continue;
    Job job;
    job.id = plan.id;
    job.corpus = std::filesystem::absolute(config.corpus.path).string();
    job.engine = estimate.workers.engine;
    job.threads = estimate.workers.threads;
    job.runs = plan.runs;
    speeds[key] = measure_speed(environment.cpu_trainer, job, estimate.workers);
  }
  return speeds;
}

std::string describe_time(const StudyEstimate& e, const StudyConfig& config) {
  const auto jobs = std::ssize(e.jobs);
  const std::string assumed = fmt::format(
      "{:g} FLOP/s each, training.flops_per_s; plan --measure measures this machine", config.training.flops_per_s);
  const std::string basis =
      e.measured == 0 ? fmt::format("an estimate: {}", assumed)
      : e.measured == jobs
          ? fmt::format("measured on this machine, {}", fmt::join(e.engines, ", "))
          : fmt::format("{} of {} jobs measured on this machine, the others at {}", e.measured, jobs, assumed);
  return fmt::format("about {} on {} CPU worker{} ({})", short_duration(e.seconds), e.workers.workers,
                     e.workers.workers == 1 ? "" : "s", basis);
}

std::string describe_memory(const StudyEstimate& e) {
  if (e.jobs.empty()) return "nothing to train";
  const char* what =
      e.limit.place.device == "cuda" ? "of a CUDA device for one process, never measured" : "in one CPU process";
  std::string text = fmt::format("at most {} {} ({})", short_bytes(e.peak_bytes), what, describe(e.jobs[e.largest]));
  if (e.limit.bytes > 0) text += fmt::format("; a worker may take {}", short_bytes(e.limit.bytes));
  return text;
}

}  // namespace scalelaw
