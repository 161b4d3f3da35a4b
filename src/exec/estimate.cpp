#include "exec/estimate.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/format.hpp"

namespace scalelaw::inline exec {
namespace {

/// Whether the study's own trainer trains it on CUDA.
bool own_trainer_on_cuda(const StudyConfig& config, const Environment& environment) {
  const BackendKind kind = config.backend.kind;
  return (kind == BackendKind::train || kind == BackendKind::automatic) && trains_on_cuda(config.backend, environment);
}

/// Seconds of a job that has a device to itself, by the law; none where there is no law.
std::optional<double> seconds_by_law(const JobPlan& job, std::optional<LawJobs>& predicted) {
  if (!predicted) return std::nullopt;
  const double flops = step_flops(job.runs);
  ++predicted->jobs;
  predicted->below += flops < predicted->law.least_flops ? 1 : 0;
  predicted->above += flops > predicted->law.most_flops ? 1 : 0;
  return job_seconds(job.runs, speed_by_law(predicted->law, job.runs));
}

/// Seconds of jobs by a law: workers that share a device take turns, so that it is done when the sum of its jobs is,
/// however many it has at once. @param measured jobs whose seconds are those of a worker among others
double seconds_in_turns(std::vector<double> seconds, const std::vector<bool>& measured, const WorkerSetup& setup) {
  const double sharing = static_cast<double>(setup.workers) / static_cast<double>(setup.devices);
  for (std::size_t i = 0; i < seconds.size(); ++i) seconds[i] /= measured[i] ? std::max(1.0, sharing) : 1.0;
  return schedule_seconds(seconds, std::min(setup.workers, setup.devices));
}

/// The program that measures. Errors (environment): it is not here.
const std::filesystem::path& measuring_trainer(const WorkerSetup& setup, const Environment& environment) {
  const bool cuda = setup.device == DeviceKind::cuda;
  const std::filesystem::path& trainer = cuda ? environment.cuda_trainer : environment.cpu_trainer;
  if (!trainer.empty()) return trainer;
  if (cuda) {
    fail_device(
        "--measure: this study trains on CUDA and scalelaw-trainer-cuda is not beside this program; scripts/setup.sh "
        "--cuda and cmake --preset cuda make it, or measure the CPU with --device cpu");
  }
  fail_device(
      "scalelaw-trainer is not beside this program, so nothing can be measured; scripts/setup.sh and "
      "scripts/build.sh release make it");
}

/// "2 of 3 jobs"
std::string share_of_jobs(std::int64_t some, const StudyEstimate& e) {
  return fmt::format("{} of {} jobs", some, e.jobs.size());
}

std::string describe_unknown(const StudyEstimate& e) {
  const bool here = !e.workers.cuda_name.empty();
  return fmt::format(
      "time not measured on {}{}; {}", here ? e.workers.cuda_name : "a CUDA device",
      e.measured == 0 ? "" : fmt::format(" for {}", share_of_jobs(std::ssize(e.jobs) - e.measured, e)),
      here ? "plan --measure measures it here"
           : "on the machine with the device run 'scalelaw plan CONFIG --measure', or phase 4 of run.sh, whose table "
             "'plan CONFIG --speeds FILE' reads here (docs/CUDA.md)");
}

/// "by a line through 24 rows of bf16 ...", and what that line leaves out.
std::string describe_law(const LawJobs& predicted, const StudyEstimate& e) {
  const StepLaw& law = predicted.law;
  std::string text = fmt::format(
      "by a line through {} rows of {}, graph {}, measured on {}, torch {}, and off by {:.1f} % rms; without the start "
      "of processes",
      law.rows, law.precision, law.graph, law.device, law.torch, 100 * law.rms_error);
  if (e.workers.workers > e.workers.devices) text += "; workers that share a device counted as taking turns";
  const auto add_outside = [&](std::int64_t jobs, const char* side) {
    if (jobs > 0) text += fmt::format("; outside the table: {} with {} FLOPs a step", share_of_jobs(jobs, e), side);
  };
  add_outside(predicted.below, "fewer");
  add_outside(predicted.above, "more");
  return text;
}

std::string describe_basis(const StudyEstimate& e, const StudyConfig& config) {
  const bool cuda = e.workers.device == DeviceKind::cuda;
  const std::string where = cuda ? e.workers.cuda_name : "this machine";
  if (e.measured == std::ssize(e.jobs)) return fmt::format("measured on {}, {}", where, fmt::join(e.engines, ", "));
  const std::string others =
      cuda ? describe_law(*e.predicted, e)
           : fmt::format("{} FLOP/s each, training.flops_per_s; plan --measure measures this machine",
                         power_text(config.training.flops_per_s));
  if (e.measured == 0) return fmt::format("{}{}", cuda ? "" : "an estimate: ", others);
  return fmt::format("{} measured on {}, the others {}{}", share_of_jobs(e.measured, e), where, cuda ? "" : "at ",
                     others);
}

/// Of the job in its micro-batches.
std::string key_of(const JobPlan& job, WorkerSetup setup) {
  setup.trainer.micro_tokens = job.micro_tokens;
  return speed_key(job.runs, setup);
}

double corpus_bytes(const CorpusFacts& corpus) {
  return static_cast<double>((corpus.train_tokens + corpus.validation_tokens) * token_bytes(corpus.width));
}

}  // namespace

WorkerSetup training_setup(const StudyConfig& config, const Environment& environment) {
  WorkerSetup setup{.workers = cpu_workers(config.backend, config.training.threads_per_worker, environment),
                    .threads = config.training.threads_per_worker,
                    .trainer = config.training.trainer};
  if (!own_trainer_on_cuda(config, environment)) return setup;
  setup.workers = cuda_workers(config.backend, environment);
  setup.device = DeviceKind::cuda;
  setup.devices = std::max<std::int64_t>(1, environment.cuda_devices);
  setup.cuda_name = environment.cuda_name;
  return setup;
}

JobLimit job_limit(const StudyConfig& config, const Environment& environment, const CorpusFacts* corpus) {
  JobLimit limit;
  if (own_trainer_on_cuda(config, environment)) {
    limit.bytes = device_share_bytes(config.backend, environment);
    limit.place = {.engine = AskedEngine::torch,
                   .device = DeviceKind::cuda,
                   .corpus_bytes = corpus == nullptr ? 0 : corpus_bytes(*corpus),
                   .micro_tokens = config.training.trainer.micro_tokens};
    return limit;
  }
  const WorkerSetup setup = training_setup(config, environment);
  limit.place.engine = setup.trainer.engine;
  limit.place.micro_tokens = setup.trainer.micro_tokens;
  if (config.backend.kind != BackendKind::train) return limit;
  constexpr double kFlops = 2e11;  // a few seconds
  limit.bytes = worker_bytes(config.backend, setup.workers, environment);
  limit.flops = kFlops;
  return limit;
}

StudyEstimate estimate_study(const StudyConfig& config, const std::vector<RunSpec>& runs,
                             const Environment& environment, const CorpusFacts* corpus, const SpeedTable& speeds,
                             const std::optional<StepLaw>& law) {
  StudyEstimate e;
  e.workers = training_setup(config, environment);
  if (law) {
    e.workers.cuda_name = law->device;
    e.predicted = {.law = *law};
  }
  e.limit = job_limit(config, environment, corpus);
  e.jobs = group_jobs(runs, {}, {}, e.limit);
  std::vector<double> seconds;
  std::vector<bool> measured;
  for (std::size_t i = 0; i < e.jobs.size(); ++i) {
    const JobPlan& job = e.jobs[i];
    e.flops += job.flops;
    JobPlace place = e.limit.place;
    place.micro_tokens = job.micro_tokens;
    if (const double bytes = job_bytes(job.runs, place); bytes > e.peak_bytes) {
      e.peak_bytes = bytes;
      e.largest = i;
    }
    const auto speed = speeds.find(key_of(job, e.workers));
    measured.push_back(speed != speeds.end());
    if (speed != speeds.end()) {
      seconds.push_back(job_seconds(job.runs, speed->second));
      ++e.measured;
      const std::string& engine = speed->second.engine;
      if (std::ranges::find(e.engines, engine) == e.engines.end()) e.engines.push_back(engine);
    } else if (e.workers.device == DeviceKind::cpu) {
      seconds.push_back(job.flops / config.training.flops_per_s);
    } else if (const std::optional<double> by_law = seconds_by_law(job, e.predicted)) {
      seconds.push_back(*by_law);
    }
  }
  if (seconds.size() < e.jobs.size()) return e;
  const bool by_law = e.predicted && e.predicted->jobs > 0;
  e.seconds = by_law ? seconds_in_turns(seconds, measured, e.workers) : schedule_seconds(seconds, e.workers.workers);
  return e;
}

SpeedTable measure_jobs(const StudyConfig& config, const StudyEstimate& estimate, const Environment& environment) {
  const WorkerSetup& setup = estimate.workers;
  const std::filesystem::path& trainer = measuring_trainer(setup, environment);
  SpeedTable speeds;
  for (const JobPlan& plan : estimate.jobs) {
    const std::string key = key_of(plan, setup);
    if (speeds.contains(key)) continue;
    Job job;
    job.id = plan.id;
    job.corpus = std::filesystem::absolute(config.corpus.path).string();
    job.device = setup.device;
    job.trainer = config.training.trainer;
    job.trainer.micro_tokens = plan.micro_tokens;
    job.threads = setup.threads;
    job.runs = plan.runs;
    speeds[key] = measure_speed(trainer, job, setup);
  }
  return speeds;
}

std::string time_basis(const StudyEstimate& e) {
  std::string other = e.workers.device == DeviceKind::cpu ? "assumed" : e.predicted ? "table" : "unknown";
  if (e.measured == 0) return other;
  return e.measured == std::ssize(e.jobs) ? "measured" : "measured+" + other;
}

std::string describe_time(const StudyEstimate& e, const StudyConfig& config) {
  if (!e.seconds) return describe_unknown(e);
  return fmt::format("about {} on {} {} worker{} ({})", short_duration(*e.seconds), e.workers.workers,
                     e.workers.device == DeviceKind::cuda ? "CUDA" : "CPU", e.workers.workers == 1 ? "" : "s",
                     describe_basis(e, config));
}

std::string describe_memory(const StudyEstimate& e) {
  if (e.jobs.empty()) return "nothing to train";
  const char* what = e.limit.place.device == DeviceKind::cuda ? "of a CUDA device for one process, never measured"
                                                              : "in one CPU process";
  std::string text = fmt::format("at most {} {} ({})", short_bytes(e.peak_bytes), what, describe(e.jobs[e.largest]));
  if (e.limit.bytes > 0) text += fmt::format("; a worker may take {}", short_bytes(e.limit.bytes));
  for (const std::string& line : describe_micro_batches(e.jobs)) text += fmt::format("\nmemory: {}", line);
  return text;
}

}  // namespace scalelaw::inline exec
