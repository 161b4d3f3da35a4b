#pragma once
// Time that a study takes where it trains, and the memory of its jobs.
#include <optional>
#include <string>
#include <vector>

#include "design/plan.hpp"
#include "exec/backend.hpp"
#include "exec/speeds.hpp"
#include "study/device_speeds.hpp"
#include "study/jobs.hpp"

namespace scalelaw::inline exec {

/// What a law of a device's steps was used for.
struct LawJobs {
  StepLaw law;
  std::int64_t jobs = 0;              ///< whose speed it predicts
  std::int64_t below = 0, above = 0;  ///< of these, whose steps have fewer, or more, FLOPs than any of its rows
};

struct StudyEstimate {
  std::vector<JobPlan> jobs;         ///< as a new study would have them, longest first
  double flops = 0;                  ///< with shared trunks
  std::optional<double> seconds;     ///< by the clock, with all workers; none where a job's speed on CUDA is unknown
  std::int64_t measured = 0;         ///< jobs whose speed was measured
  std::optional<LawJobs> predicted;  ///< where a law was given
  std::vector<std::string> engines;  ///< that were measured, each once
  std::size_t largest = 0;           ///< index of the job that takes most memory
  double peak_bytes = 0;             ///< of that job, see job_bytes
  JobLimit limit;                    ///< see job_limit
  WorkerSetup workers;
};

/// The processes that train a study: on CUDA where its own trainer does (trains_on_cuda), else the CPU workers that
/// there are where nothing else is asked for.
[[nodiscard]] WorkerSetup training_setup(const StudyConfig& config, const Environment& environment);

/// What a worker may take where the study's own trainer trains: its share of the memory, of the machine or of a CUDA
/// device. On a CPU jobs of a few seconds too, since stacking gains nothing there and workers with many small jobs
/// finish together. No limit for other programs. It depends on the memory, else on nothing of the machine.
/// @param corpus null where there is none
[[nodiscard]] JobLimit job_limit(const StudyConfig& config, const Environment& environment, const CorpusFacts* corpus);

/// On a CPU, and where the study's own trainer does not train, the time is that of CPU workers: by measured speeds,
/// other jobs by training.flops_per_s. On CUDA a job's speed is what was measured on the device (the law's where one is
/// given, else this machine's), else what the law predicts, else unknown. Workers that share a device are taken to take
/// turns in what a law predicts, since its rows had the device to themselves. Errors: those of group_jobs.
[[nodiscard]] StudyEstimate estimate_study(const StudyConfig& config, const std::vector<RunSpec>& runs,
                                           const Environment& environment, const CorpusFacts* corpus,
                                           const SpeedTable& speeds, const std::optional<StepLaw>& law = {});

/// Measures every kind of job of the estimate, with all workers at work.
/// Errors (environment): the trainer of the estimate's device is not built, or fails with its reason.
[[nodiscard]] SpeedTable measure_jobs(const StudyConfig& config, const StudyEstimate& estimate,
                                      const Environment& environment);

/// What the time rests on, in a word for programs: measured, assumed (training.flops_per_s), table (a law of one) or
/// unknown; "measured+assumed" and the like where jobs differ.
[[nodiscard]] std::string time_basis(const StudyEstimate& estimate);
/// "about 2m 05s on 2 CPU workers (measured on this machine, native avx512: the rule on a CPU)", or the like on CUDA.
/// Where a speed is assumed or unknown it says so, and names the command that measures.
[[nodiscard]] std::string describe_time(const StudyEstimate& estimate, const StudyConfig& config);
/// "at most 512 MiB in one CPU process (d64 L4, 15 runs); a worker may take 10.8 GiB", or the like of a CUDA device
[[nodiscard]] std::string describe_memory(const StudyEstimate& estimate);

}  // namespace scalelaw::inline exec
