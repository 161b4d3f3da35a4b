#pragma once
// Where jobs run, behind one interface: in this process or in processes of this machine. The queue (exec/queue.hpp)
// gives an executor jobs and judges what comes of them; the executor knows nothing of attempts, records or
// events.jsonl.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "exec/study_options.hpp"
#include "os/signals.hpp"
#include "study/jobs.hpp"

namespace scalelaw::inline exec {

struct JobProgress {
  double fraction = 0;      ///< of the job's work, 0 .. 1
  double loss_nats = 0;     ///< the last one; NaN where it is not known
  double tokens_per_s = 0;  ///< 0 where it is not known
};
/// Something for the user to read.
struct JobNote {
  std::string message;
};
/// The job says that it wrote a record.
struct JobRecord {
  std::string run;       ///< its id; empty where the job did not name it
  double loss_nats = 0;  ///< NaN where it is not known
};
/// finished: it says that its records are there. failed: another attempt may go better. cannot_start: none would.
enum class JobEnd { finished, failed, cannot_start };
/// The last event of a job.
struct JobEnded {
  JobEnd how = JobEnd::finished;
  std::string reason;  ///< one line: how it ended and what it said last; empty where it finished
};
struct JobEvent {
  std::string job;  ///< its id
  std::variant<JobProgress, JobNote, JobRecord, JobEnded> what;
};

/// stop: a job writes its checkpoint and ends, as soon as it can. kill: it ends now.
enum class Cancel { stop, kill };

/// What runs jobs. It holds what it runs for as long as it lives: processes that have not ended when it goes are
/// killed. Every job taken gets one JobEnded, after its other events, whether it was cancelled or not.
struct Executor {
  std::int64_t capacity = 1;  ///< jobs that may be with it at once, at least 1; submit needs room for one more
  /// It makes the runs itself: nobody else reads of its jobs, so they have no job files and no lines in the event log,
  /// and it has ended them when it is asked to stop.
  bool in_process = false;
  /// Takes a job, which may have been here before and has ended since. @return false where an earlier study's worker
  /// still has it: ask again later. The job must outlive its end. Errors (environment): no job can be started here.
  std::function<bool(const JobPlan& job)> submit;
  /// Returns when poll has something to tell or `stops` has become readable, and in any case within a second. It is
  /// apart from poll so that a stop which comes with the end of a job is known when that end is judged.
  std::function<void(int stops)> wait;
  /// What has happened since the last call, oldest first; never waits for a process. Errors: of a run made here; then
  /// the executor is of no more use.
  std::function<std::vector<JobEvent>()> poll;
  /// Ends every job that is here.
  std::function<void(Cancel how)> cancel;
};

/// The executors there are, one line each, in the order in which they are asked. <name>_executor, in
/// exec/<name>_executor, makes it where it serves options.backend, and gives none elsewhere; `process` serves every
/// backend that trains.
#define SCALELAW_EXECUTORS(EXECUTOR) \
  EXECUTOR(simulate)                 \
  EXECUTOR(process)

#define SCALELAW_EXECUTOR(name)                                                                                 \
  [[nodiscard]] std::optional<Executor> name##_executor(const StudyConfig& config, const StudyOptions& options, \
                                                        const Signals& signals);
SCALELAW_EXECUTORS(SCALELAW_EXECUTOR)
#undef SCALELAW_EXECUTOR

/// The first of them that serves the study. @param config, options, signals must outlive it
[[nodiscard]] Executor make_executor(const StudyConfig& config, const StudyOptions& options, const Signals& signals);

}  // namespace scalelaw::inline exec
