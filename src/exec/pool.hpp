#pragma once
// A pool of training processes on this machine (DESIGN 6): each job is one process that reads jobs/<id>/job.json,
// writes records and prints one JSON line per event.
#include <filesystem>
#include <string>
#include <vector>

#include "os/signals.hpp"
#include "study/jobs.hpp"
#include "study/progress.hpp"

namespace scalelaw {

struct PoolOptions {
  std::vector<std::string> command;  ///< with {job} and {out}
  std::string device = "cpu";        ///< cpu | cuda
  std::int64_t workers = 1;          ///< processes at once; on CUDA each sees one device, by CUDA_VISIBLE_DEVICES
  std::int64_t devices = 1;          ///< CUDA devices to spread the workers over
  std::int64_t threads = 1;          ///< per process
  std::string engine = "auto";       ///< see Job::engine
  std::string graph = "auto";        ///< see Job::graph
  double checkpoint_every_s = 60;
  std::string corpus;  ///< folder, absolute
  int attempts = 3;    ///< a process that dies is started again, from its checkpoint, this often in all
};

struct PoolResult {
  std::vector<FailedJob> failed;
  bool interrupted = false;
};

/// Runs the jobs, in order, until all are done or failed. A failed job does not stop the others. SIGINT, SIGTERM or
/// SIGHUP is passed on as SIGTERM; the workers write their checkpoints and end, and the result says interrupted; a
/// second signal kills them. Workers die with this process, however it ends. A job whose worker of an earlier study is
/// still alive is started when that one has ended. Errors (environment): a job file or the event log cannot be written,
/// a process cannot be started; workers are killed.
[[nodiscard]] PoolResult run_jobs(const std::filesystem::path& study, const std::vector<JobPlan>& jobs,
                                  const PoolOptions& options, Signals& signals, Progress& progress);

}  // namespace scalelaw
