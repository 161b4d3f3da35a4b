#include "study/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "core/files.hpp"
#include "core/format.hpp"
#include "sim/simulate.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

/// Temporary files (NAME.tmp.PID, see write_file_atomic) of processes that were killed while writing.
void remove_stale_temporaries(const fs::path& study) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(study / "runs", error)) {
    const std::string name = entry.path().filename().string();
    const auto at = name.find(".tmp.");
    if (at == std::string::npos) continue;
    const long writer = std::strtol(name.c_str() + at + 5, nullptr, 10);
    if (writer > 0 && ::kill(static_cast<pid_t>(writer), 0) != 0 && errno == ESRCH) fs::remove(entry.path(), error);
  }
}

/// Renames what stands where a record of the plan belongs but is none (unreadable, or of a failed run) to NAME.bad: a
/// trainer takes a file that is there as a run done.
void set_aside(const fs::path& folder, const std::vector<RunSpec>& runs, const RecordSet& records) {
  for (const RunSpec& run : runs) {
    const std::string id = run_id(run);
    const fs::path file = record_path(folder, id);
    std::error_code error;
    if (!records.finished(id) && fs::exists(file, error)) fs::rename(file, file.string() + ".bad", error);
  }
}

/// Simulates in this process. Returns whether it was interrupted.
bool simulate_missing(const fs::path& folder, const std::vector<RunSpec>& runs, const RecordSet& records,
                      Signals& signals, Progress& progress) {
  for (const RunSpec& spec : runs) {
    if (records.finished(run_id(spec))) continue;
    if (signals.take_stops() > 0) return true;
    RunRecord record = simulate(spec);
    record.context.started = record.context.finished = utc_now();
    write_record(folder, record);
    progress.set_done_runs(progress.done_runs() + 1);
    progress.tick();
  }
  return false;
}

PoolResult train_missing(const StudyConfig& config, const StudyOptions& options, const std::vector<RunSpec>& runs,
                         const RecordSet& records, Signals& signals, Progress& progress) {
  std::vector<JobPlan> todo;
  for (JobPlan& job : group_jobs(runs, options.folder, records)) {
    if (!missing_runs(job, records).empty()) todo.push_back(std::move(job));
  }
  PoolOptions pool;
  pool.command = options.backend.command;
  pool.device = options.backend.device;
  pool.workers = options.backend.workers;
  pool.devices = std::max<std::int64_t>(1, options.environment.cuda_devices);
  pool.threads = config.training.threads_per_worker;
  pool.engine = config.training.engine;
  pool.graph = config.training.graph;
  pool.checkpoint_every_s = config.training.checkpoint_every_s;
  pool.corpus = fs::absolute(config.corpus.path).string();
  return run_jobs(options.folder, todo, pool, signals, progress);
}

std::int64_t count_finished(const std::vector<RunSpec>& runs, const RecordSet& records) {
  return std::ranges::count_if(runs, [&](const RunSpec& run) { return records.finished(run_id(run)); });
}

}  // namespace

ExitCode StudySummary::exit_code() const {
  if (interrupted) return ExitCode::interrupted;
  return failed.empty() ? ExitCode::ok : ExitCode::some_failed;
}

Plan study_plan(const StudyConfig& config, bool simulate, const CorpusFacts* corpus) {
  Plan plan = make_plan(config, simulate ? nullptr : corpus);
  if (simulate) {
    for (PlannedRun& run : plan.runs) run.spec = as_simulated(std::move(run.spec), config.simulation);
  }
  return plan;
}

StudySummary run_study(const StudyConfig& config, const StudyOptions& options) {
  SCALELAW_CHECK(options.backend.simulate || options.corpus, "training needs a corpus");
  const auto start = std::chrono::steady_clock::now();
  const Plan plan = study_plan(config, options.backend.simulate, options.corpus ? &*options.corpus : nullptr);
  std::vector<RunSpec> runs;
  for (const PlannedRun& run : plan.runs) runs.push_back(run.spec);

  const StudyLock lock(options.folder);
  make_folder(options.folder / "runs");
  remove_stale_temporaries(options.folder);
  StudySummary summary;
  summary.planned = std::ssize(runs);
  summary.left_out = plan.left_out;
  summary.notes = plan.notes;
  summary.config_changed = write_study_config(options.folder, config);
  const RecordSet before = read_records(options.folder);
  summary.bad = before.bad;
  summary.before = count_finished(runs, before);
  set_aside(options.folder, runs, before);
  log_event(options.folder, "study_started",
            {{"planned", summary.planned},
             {"finished", summary.before},
             {"backend", options.backend.simulate ? "simulate" : "train"},
             {"device", options.backend.simulate ? "simulator" : options.backend.device}});

  Progress progress(options.progress, summary.planned, summary.before);
  {
    Signals signals;
    if (options.backend.simulate) {
      summary.interrupted = simulate_missing(options.folder, runs, before, signals, progress);
    } else {
      PoolResult result = train_missing(config, options, runs, before, signals, progress);
      summary.interrupted = result.interrupted;
      summary.failed = std::move(result.failed);
    }
  }
  progress.finish();

  const RecordSet after = read_records(options.folder);
  summary.made = count_finished(runs, after) - summary.before;
  summary.diverged = std::ranges::count_if(runs, [&](const RunSpec& run) {
    const auto it = after.records.find(run_id(run));
    return it != after.records.end() && it->second.outcome.status == "diverged";
  });
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  log_event(options.folder, summary.interrupted ? "study_interrupted" : "study_finished",
            {{"made", summary.made}, {"failed_jobs", summary.failed.size()}, {"seconds", summary.seconds}});
  return summary;
}

std::string describe(const StudySummary& s) {
  const std::int64_t missing = s.planned - s.before - s.made;
  std::string out = fmt::format("{} of {} runs finished ({} before, {} now in {}){}\n", s.before + s.made, s.planned,
                                s.before, s.made, short_duration(s.seconds),
                                s.diverged > 0 ? fmt::format(", {} of them diverged", s.diverged) : "");
  for (const FailedJob& job : s.failed) out += fmt::format("failed: job {} ({}): {}\n", job.id, job.what, job.reason);
  if (s.interrupted) {
    out += "interrupted; run the same command again to go on\n";
  } else if (missing > 0) {
    out += fmt::format("{} run{} missing; the same command tries again\n", missing, missing == 1 ? " is" : "s are");
  }
  return out;
}

Json to_json(const StudySummary& s) {
  Json failed = Json::array();
  for (const FailedJob& job : s.failed) failed.push_back({{"job", job.id}, {"what", job.what}, {"reason", job.reason}});
  Json bad = Json::array();
  for (const BadRecord& record : s.bad) bad.push_back({{"file", record.file}, {"reason", record.reason}});
  Json left_out = Json::array();
  for (const LeftOut& point : s.left_out) {
    left_out.push_back(
        {{"shape", point.shape}, {"budget", point.budget_flops}, {"tokens", point.tokens}, {"reason", point.reason}});
  }
  return {{"planned", s.planned},
          {"finished_before", s.before},
          {"made", s.made},
          {"diverged", s.diverged},
          {"failed", failed},
          {"bad_records", bad},
          {"left_out", left_out},
          {"notes", s.notes},
          {"interrupted", s.interrupted},
          {"seconds", s.seconds}};
}

}  // namespace scalelaw
