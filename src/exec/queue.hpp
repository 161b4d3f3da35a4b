#pragma once
// The jobs of a study on an executor, whichever it is: their order and attempts, what counts as done, what events.jsonl
// and the user are told, and stops.
#include <filesystem>
#include <string>
#include <vector>

#include "exec/executor.hpp"
#include "os/signals.hpp"
#include "study/jobs.hpp"
#include "study/progress.hpp"

namespace scalelaw::inline exec {

inline constexpr int kAttempts = 3;  ///< of a job, in all; each goes on from the checkpoint of the one before

struct QueueResult {
  std::vector<FailedJob> failed;
  bool interrupted = false;
};

/// Runs the jobs, in order, until all are done or failed. A failed job does not stop the others. A job is done when
/// each of its runs has a finished record, whatever its executor says of its end (an executor in this process is taken
/// at its word); one that fails is tried again, before
/// the others, unless it cannot be started or takes a record for good that is refused here.
///
/// SIGINT, SIGTERM or SIGHUP starts no further job and stops those that run, and the result says interrupted; a second
/// signal kills them. A job whose worker of an earlier study is still alive is started when that one has ended.
///
/// @param jobs must outlive the call and have different ids; what the executor needs in their folders is there
/// Errors: those of the executor; (environment) the event log cannot be written. What runs ends with the executor.
[[nodiscard]] QueueResult run_jobs(const std::filesystem::path& study, const std::vector<JobPlan>& jobs,
                                   const Executor& executor, Signals& signals, Progress& progress);

}  // namespace scalelaw::inline exec
