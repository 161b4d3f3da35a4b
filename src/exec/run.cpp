#include "exec/run.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>

#include "exec/device_check.hpp"
#include "exec/estimate.hpp"
#include "exec/executor.hpp"
#include "exec/queue.hpp"
#include "os/files.hpp"
#include "study/members.hpp"

namespace scalelaw::inline exec {
namespace {

namespace fs = std::filesystem;

JobLimit limit_of(const StudyConfig& config, const StudyOptions& options) {
  return job_limit(config, options.environment, options.corpus_or_null());
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

/// What a trainer is told of each job, for a process of its own.
void write_job_files(const StudyConfig& config, const StudyOptions& options, const std::vector<JobPlan>& jobs) {
  Job job;
  job.corpus = fs::absolute(config.corpus.path).string();
  job.device = options.backend.device;
  job.threads = config.training.threads_per_worker;
  job.trainer = config.training.trainer;
  for (const JobPlan& plan : jobs) {
    job.id = plan.id;
    job.runs = plan.runs;
    job.trainer.micro_tokens = plan.micro_tokens;
    write_json_file(fs::absolute(job_folder(options.folder, plan.id)) / "job.json", to_json(job));
  }
}

/// One job of the runs without a finished record, which nobody needs to find again; none where there are no such runs.
std::vector<JobPlan> job_of_missing(const std::vector<RunSpec>& runs, const RecordSet& records) {
  JobPlan job;
  std::ranges::copy_if(runs, std::back_inserter(job.runs),
                       [&](const RunSpec& run) { return !records.finished(run_id(run)); });
  if (job.runs.empty()) return {};
  job.id = job_id(job.runs);
  return {job};
}

/// The jobs of the plan that have a run without a finished record, with their files.
std::vector<JobPlan> missing_jobs(const StudyConfig& config, const StudyOptions& options,
                                  const std::vector<RunSpec>& runs, const RecordSet& records) {
  std::vector<JobPlan> jobs = group_jobs(runs, options.folder, records, limit_of(config, options));
  std::erase_if(jobs, [&](const JobPlan& job) { return missing_runs(job, records).empty(); });
  write_job_files(config, options, jobs);
  return jobs;
}

std::int64_t count_finished(const std::vector<RunSpec>& runs, const RecordSet& records) {
  return std::ranges::count_if(runs, [&](const RunSpec& run) { return records.finished(run_id(run)); });
}

std::vector<RunSpec> specs_of(const StudyRuns& runs) {
  std::vector<RunSpec> specs;
  for (const PlannedRun& run : runs.runs) specs.push_back(run.spec);
  return specs;
}

/// Makes the runs without a finished record; `failed` becomes the jobs that gave up. @return false if it was
/// interrupted
bool make_missing(const StudyConfig& config, const StudyOptions& options, const std::vector<RunSpec>& runs,
                  const RecordSet& records, Signals& signals, Progress& progress, std::vector<FailedJob>& failed) {
  set_aside(options.folder, runs, records);
  const Executor executor = make_executor(config, options, signals);
  const std::vector<JobPlan> jobs =
      executor.in_process ? job_of_missing(runs, records) : missing_jobs(config, options, runs, records);
  for (const std::string& line : describe_micro_batches(jobs)) progress.say(line);
  QueueResult result = run_jobs(options.folder, jobs, executor, signals, progress);
  failed = std::move(result.failed);
  return !result.interrupted;
}

/// Errors (device): our CUDA trainer cannot use the device; else each job would say so three times.
void require_device(const StudyOptions& options) {
  const BackendChoice& backend = options.backend;
  const fs::path& trainer = options.environment.cuda_trainer;
  if (backend.simulate || backend.device != DeviceKind::cuda || backend.command.front() != trainer.string()) return;
  if (const DeviceCheck device = check_cuda_device(trainer); !device.usable) {
    fail_device("the CUDA trainer cannot train here: {}", device.detail);
  }
}

/// Says what the newest results call for, in the event log and to the user.
void announce(const fs::path& folder, const std::vector<Addition>& added, std::int64_t total, Progress& progress) {
  Json what = Json::array();
  std::int64_t runs = 0;
  std::string text;
  for (const Addition& addition : added) {
    what.push_back(describe(addition));
    runs += addition.runs;
    text += "\n  " + describe(addition);
  }
  log_event(folder, StudyEvent::runs_added, {{"runs", runs}, {"what", what}});
  progress.set_total_runs(total);
  progress.say(fmt::format("{} run{} added:{}", runs, runs == 1 ? "" : "s", text));
}

/// The config with what was decided here: where its runs come from, and from which corpus.
StudyConfig decided_config(StudyConfig config, const StudyOptions& options) {
  if (config.backend.kind == BackendKind::automatic) {
    config.backend.kind = options.backend.simulate ? BackendKind::simulate : BackendKind::train;
  }
  config.corpus.sha256 = options.backend.simulate || !options.corpus ? "" : options.corpus->sha256;
  return config;
}

/// The finished runs of the folder that are not of the plan, a line each kind.
std::vector<std::string> other_runs(const StudyConfig& config, const Plan& plan, const RecordSet& set) {
  const std::set<std::string> ids = member_ids(config, plan, set);
  std::vector<RunRecord> members, others;
  for (const auto& [id, record] : set.records) {
    if (set.finished(id)) (ids.contains(id) ? members : others).push_back(record);
  }
  if (members.empty() && !plan.runs.empty()) members.push_back(planned_record(plan.runs.front().spec));
  return describe_others(members, others);
}

/// Ids of what a config plans and its finished runs call for.
std::set<std::string> all_ids(const StudyConfig& config, const Plan& plan, const RecordSet& records) {
  std::set<std::string> ids;
  for (const PlannedRun& run : extend_plan(config, plan, records).runs) ids.insert(run_id(run.spec));
  return ids;
}

/// Whether study.toml plans these runs: only analysis, backend and the like changed since it was accepted.
bool plans_the_same(const StudyConfig& config, const StudyOptions& options, const Plan& plan,
                    const RecordSet& records) {
  try {
    const StudyConfig before = load_study_config(options.folder);
    const bool simulated = before.backend.kind == BackendKind::automatic ? options.backend.simulate
                                                                         : before.backend.kind == BackendKind::simulate;
    if (simulated != options.backend.simulate) return false;
    const CorpusFacts* corpus = options.corpus_or_null();
    const std::string& hash = before.corpus.sha256;
    if (!simulated && !hash.empty() && (corpus == nullptr || hash != corpus->sha256)) return false;
    const Plan planned = study_plan(before, simulated, corpus);
    return all_ids(before, planned, records) == all_ids(config, plan, records);
  } catch (const Error&) {
    return false;
  }
}

/// Says what there is beside the plan, and writes study.toml. Errors (config): finished runs of the folder are of
/// another plan than that of the config, and nobody has accepted that.
void accept_config(const StudyConfig& config, const StudyOptions& options, const Plan& plan, const RecordSet& records,
                   StudySummary& summary) {
  const StudyConfig decided = decided_config(config, options);
  summary.config_changed = differs_from_study_config(options.folder, decided);
  summary.others = other_runs(config, plan, records);
  const bool ask = summary.config_changed && !options.keep_runs && !summary.others.empty();
  if (ask && !plans_the_same(config, options, plan, records)) {
    fail_config(
        "{}: the config differs from study.toml, and the folder holds finished runs that are not of the new plan ({}); "
        "give the new study a folder of its own with --out, or --keep-runs to keep them here, left out of its analysis",
        options.folder.string(), fmt::join(summary.others, "; "));
  }
  write_study_config(options.folder, decided);
}

/// Every shape must fit, those of later rounds too, before anything is written.
void require_memory(const StudyConfig& config, const StudyOptions& options, const Plan& plan) {
  if (options.backend.simulate) return;
  const JobLimit limit = limit_of(config, options);
  for (const PlannedRun& run : plan.runs) (void)split_to_fit({run.spec}, limit);
  for (const PlannedRun& run : plan.transfer) (void)split_to_fit({run.spec}, limit);
}

/// What `now` holds and `before` does not.
std::vector<Addition> news(const std::vector<Addition>& before, const std::vector<Addition>& now) {
  const auto key = [](const Addition& addition) { return std::pair(addition.kind, describe(addition)); };
  std::set<std::pair<AdditionKind, std::string>> known;
  for (const Addition& addition : before) known.insert(key(addition));
  std::vector<Addition> fresh;
  std::ranges::copy_if(now, std::back_inserter(fresh),
                       [&](const Addition& addition) { return !known.contains(key(addition)); });
  return fresh;
}

/// Makes what is missing, round by round, until the results call for no more. @return the runs of the last round
StudyRuns make_rounds(const StudyConfig& config, const StudyOptions& options, const Plan& plan, StudyRuns now,
                      RecordSet& records, StudySummary& summary) {
  Progress progress(options.progress, summary.planned, summary.before);
  {
    Signals signals;
    for (bool more = true; more;) {
      summary.interrupted = !make_missing(config, options, specs_of(now), records, signals, progress, summary.failed);
      records = read_records(options.folder);
      StudyRuns next = extend_plan(config, plan, records);
      const std::vector<Addition> fresh = news(now.added, next.added);
      now = std::move(next);
      more = !summary.interrupted && !fresh.empty();
      if (more) announce(options.folder, fresh, std::ssize(now.runs), progress);
    }
  }
  progress.finish();
  return now;
}

/// What was made of which runs.
void sum_up(const Plan& plan, StudyRuns done, const RecordSet& records, StudySummary& summary) {
  const std::vector<RunSpec> runs = specs_of(done);
  summary.planned = std::ssize(runs);
  summary.left_out = plan.left_out;
  summary.left_out.insert(summary.left_out.end(), done.left_out.begin(), done.left_out.end());
  summary.notes = plan.notes;
  summary.later_notes = std::move(done.notes);
  summary.added = std::move(done.added);
  summary.made = count_finished(runs, records) - summary.before;
  summary.diverged = std::ranges::count_if(runs, [&](const RunSpec& run) {
    const auto it = records.records.find(run_id(run));
    return it != records.records.end() && it->second.outcome.status == RunStatus::diverged;
  });
}

}  // namespace

Plan study_plan(const StudyConfig& config, const StudyOptions& options) {
  return study_plan(config, options.backend.simulate, options.corpus_or_null());
}

StudySummary run_study(const StudyConfig& config, const StudyOptions& options) {
  SCALELAW_CHECK(options.backend.simulate || options.corpus, "training needs a corpus");
  const auto start = std::chrono::steady_clock::now();
  const Plan plan = study_plan(config, options);

  require_memory(config, options, plan);
  const StudyLock lock(options.folder);
  make_folder(options.folder / "runs");
  remove_abandoned_files(options.folder);
  StudySummary summary;
  RecordSet records = read_records(options.folder);
  accept_config(config, options, plan, records, summary);
  StudyRuns now = extend_plan(config, plan, records);
  summary.bad = records.bad;
  summary.planned = std::ssize(now.runs);
  summary.before = count_finished(specs_of(now), records);
  if (summary.before < summary.planned) require_device(options);
  log_event(options.folder, StudyEvent::study_started,
            {{"planned", summary.planned},
             {"finished", summary.before},
             {"others", summary.others},
             {"backend", options.backend.simulate ? "simulate" : "train"},
             {"device", options.backend.simulate ? "simulator" : name_of(options.backend.device)}});

  now = make_rounds(config, options, plan, std::move(now), records, summary);
  remove_abandoned_files(options.folder);  // a worker that was killed just before this study began may have left one
  sum_up(plan, std::move(now), records, summary);
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  log_event(options.folder, summary.interrupted ? StudyEvent::study_interrupted : StudyEvent::study_finished,
            {{"made", summary.made}, {"failed_jobs", summary.failed.size()}, {"seconds", summary.seconds}});
  return summary;
}

}  // namespace scalelaw::inline exec
