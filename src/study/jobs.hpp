#pragma once
// Runs -> jobs: sets that a trainer stacks and branches (docs/RECORDS.md, "Jobs").
#include <filesystem>
#include <string>
#include <vector>

#include "records/job.hpp"
#include "study/cost.hpp"
#include "study/store.hpp"

namespace scalelaw::inline study {

/// Runs that a trainer makes together, whether or not some of them are done.
struct JobPlan {
  std::string id;                 ///< job_id(runs)
  std::vector<RunSpec> runs;      ///< in the order of the plan
  double flops = 0;               ///< training_flops(runs)
  std::int64_t micro_tokens = 0;  ///< in which it trains; 0 = the whole batch
};

/// Groups runs that differ only in learning rate, seed, tokens and warmup_fraction, longest job first.
///
/// The grouping follows the whole plan and not what is missing, and a job once written to jobs/<id>/job.json keeps its
/// runs: an interrupted job therefore resumes with the same stack, which is what makes its losses equal to the last
/// bit, and runs added to a study later form jobs of their own beside the old ones. A written job that holds runs
/// outside the plan (the config was narrowed) or no longer fits the limit keeps its finished runs only; its others are
/// grouped anew.
///
/// Micro-batches are those of micro_to_fit; where none are asked for, a written job keeps its own as long as it fits.
///
/// @param limit memory of one worker: new jobs are split by members into jobs that fit, see split_to_fit and its
/// errors.
[[nodiscard]] std::vector<JobPlan> group_jobs(const std::vector<RunSpec>& plan, const std::filesystem::path& study,
                                              const RecordSet& records, const JobLimit& limit = {});

/// Ids of the job's runs without a finished record.
[[nodiscard]] std::vector<std::string> missing_runs(const JobPlan& job, const RecordSet& records);

/// Jobs written in the study folder; unreadable ones are left out.
[[nodiscard]] std::vector<Job> read_jobs(const std::filesystem::path& study);

/// "d512 L8: a step of one run takes 4096 of its 65536 tokens at once (training.micro_tokens)" for each shape that
/// trains in micro-batches.
[[nodiscard]] std::vector<std::string> describe_micro_batches(const std::vector<JobPlan>& jobs);

/// "d32 L2, 16 runs"
[[nodiscard]] std::string describe(const JobPlan& job);

/// A job that gave up.
struct FailedJob {
  std::string id;
  std::string what;    ///< "d32 L2, 16 runs"
  std::string reason;  ///< one line: how the process ended and the last line of its log
};

}  // namespace scalelaw::inline study
