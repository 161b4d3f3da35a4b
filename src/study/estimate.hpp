#pragma once
// Time that a study takes on CPU workers of this machine, and the memory of its jobs.
#include <string>
#include <vector>

#include "design/plan.hpp"
#include "study/backend.hpp"
#include "study/jobs.hpp"
#include "study/speeds.hpp"

namespace scalelaw {

struct StudyEstimate {
  std::vector<JobPlan> jobs;         ///< as a new study would have them, longest first
  double flops = 0;                  ///< with shared trunks
  double seconds = 0;                ///< by the clock, with all workers
  std::int64_t measured = 0;         ///< jobs whose speed is known; the others are taken at training.flops_per_s
  std::vector<std::string> engines;  ///< that were measured, each once
  std::size_t largest = 0;           ///< index of the job that takes most memory
  double peak_bytes = 0;             ///< of that job, see job_bytes
  JobLimit limit;                    ///< see job_limit
  WorkerSetup workers;
};

/// The CPU workers that train a study where nothing else is asked for.
[[nodiscard]] WorkerSetup cpu_setup(const StudyConfig& config, const Environment& environment);

/// What a worker may take where the study's own trainer trains: its share of the memory, of the machine or of a CUDA
/// device. On a CPU jobs of a few seconds too, since stacking gains nothing there and workers with many small jobs
/// finish together. No limit for other programs. It depends on the memory, else on nothing of the machine.
/// @param corpus null where there is none
[[nodiscard]] JobLimit job_limit(const StudyConfig& config, const Environment& environment, const CorpusFacts* corpus);

/// The time is what CPU workers would take, whatever the backend is; the memory that of where the study trains.
/// Errors: those of group_jobs.
[[nodiscard]] StudyEstimate estimate_study(const StudyConfig& config, const std::vector<RunSpec>& runs,
                                           const Environment& environment, const CorpusFacts* corpus,
                                           const SpeedTable& speeds);

/// Measures every kind of job of the estimate, with all workers at work.
/// Errors (environment): the CPU trainer is not built, or fails; (data): see the trainer.
[[nodiscard]] SpeedTable measure_jobs(const StudyConfig& config, const StudyEstimate& estimate,
                                      const Environment& environment);

/// "about 2m 05s on 2 CPU workers (measured on this machine, native avx512: the rule on a CPU)". Where a speed is
/// assumed it says so, and names the command that measures.
[[nodiscard]] std::string describe_time(const StudyEstimate& estimate, const StudyConfig& config);
/// "at most 512 MiB in one CPU process (d64 L4, 15 runs); a worker may take 10.8 GiB", or the like of a CUDA device
[[nodiscard]] std::string describe_memory(const StudyEstimate& estimate);

}  // namespace scalelaw
