#include "exec/queue.hpp"

#include <deque>
#include <map>
#include <set>

#include "core/json.hpp"

namespace scalelaw::inline exec {
namespace {

namespace fs = std::filesystem;

struct Pending {
  const JobPlan* job = nullptr;
  int attempt = 1;
  bool told_waiting = false;  ///< the user knows that an earlier worker still holds the job
};

/// What the records of a job are, once it has ended.
struct RecordCount {
  std::size_t missing = 0, refused = 0;
  std::string first_refused;  ///< why the first that the job wrote cannot be taken
};
RecordCount count_records(const fs::path& study, const JobPlan& job) {
  RecordCount count;
  for (const RunSpec& run : job.runs) {
    const RecordCheck check = check_record(study, run_id(run));
    count.missing += check.finished ? 0 : 1;
    count.refused += check.refused.empty() ? 0 : 1;
    if (count.first_refused.empty()) count.first_refused = check.refused;
  }
  return count;
}

std::string reason_of(const JobEnded& end, const RecordCount& records, std::size_t runs) {
  std::string reason = end.reason;
  if (end.how == JobEnd::finished) {
    reason = fmt::format("ended without an error but {} of its {} records {} missing or refused", records.missing, runs,
                         records.missing == 1 ? "is" : "are");
  }
  if (records.refused > 0) {
    reason += fmt::format("; {} refused, {}{}", records.refused, records.refused == 1 ? "" : "the first ",
                          records.first_refused);
  }
  return reason;
}

class Queue {
 public:
  Queue(fs::path study, const Executor& executor, Signals& signals, Progress& progress)
      : study_(std::move(study)), executor_(executor), signals_(signals), progress_(progress) {}

  QueueResult run(const std::vector<JobPlan>& jobs) {
    for (const JobPlan& job : jobs) {
      pending_.push_back({&job});
      progress_.add_work(job.id, job.flops);
    }
    while (!running_.empty() || (!pending_.empty() && stops_ == 0)) {
      if (stops_ == 0) start_some();
      executor_.wait(signals_.fd());
      handle_stops();
      for (const JobEvent& event : executor_.poll()) handle(event);
      progress_.tick();
    }
    result_.interrupted = stops_ > 0;
    return std::move(result_);
  }

 private:
  void start_some() {
    for (std::size_t tries = pending_.size(); tries > 0 && std::ssize(running_) < executor_.capacity; --tries) {
      Pending next = pending_.front();
      pending_.pop_front();
      if (!start(next)) pending_.push_back(next);
    }
  }

  bool start(Pending& next) {
    const JobPlan& job = *next.job;
    if (!executor_.submit(job)) {
      if (!next.told_waiting && next.attempt == 1) {
        say(job, "a worker of an earlier study is still at it; waiting for its end");
      }
      next.told_waiting = true;
      return false;
    }
    running_.emplace(job.id, next);
    log(StudyEvent::job_started, {{"job", job.id}, {"what", describe(job)}, {"attempt", next.attempt}});
    return true;
  }

  void handle_stops() {
    const int stops = signals_.take_stops();
    if (stops == 0) return;
    if (stops_ == 0 && !executor_.in_process) {
      progress_.say("stopping: waiting for the workers' checkpoints (once more to stop at once)");
    }
    executor_.cancel(stops_ == 0 ? Cancel::stop : Cancel::kill);
    stops_ += stops;
  }

  void handle(const JobEvent& event) {
    const Pending& running = running_.at(event.job);
    std::visit([&](const auto& what) { handle(running, what); }, event.what);
  }

  void handle(const Pending& running, const JobProgress& now) {
    progress_.update(running.job->id, now.fraction, now.loss_nats, now.tokens_per_s);
  }

  void handle(const Pending& running, const JobNote& note) { say(*running.job, note.message); }

  void handle(const Pending& running, const JobRecord& record) {
    if (!record.run.empty() && counted_.insert(record.run).second) {
      progress_.set_done_runs(progress_.done_runs() + 1);
    }
    log(StudyEvent::run_finished,
        {{"run", record.run}, {"job", running.job->id}, {"loss", finite_or_null(record.loss_nats)}});
  }

  void handle(const Pending& running, const JobEnded& end) {
    const JobPlan* const job = running.job;
    const int attempt = running.attempt;
    running_.erase(job->id);
    const bool made_here = executor_.in_process && end.how == JobEnd::finished;
    const RecordCount records = made_here ? RecordCount{} : count_records(study_, *job);
    progress_.stop(job->id, records.missing == 0);
    if (records.missing == 0) return log(StudyEvent::job_finished, {{"job", job->id}});
    if (stops_ > 0) return log(StudyEvent::job_stopped, {{"job", job->id}});
    const std::string reason = reason_of(end, records, job->runs.size());
    const bool would_repeat = end.how == JobEnd::finished && records.refused > 0;  // it takes its records for good ones
    if (attempt < kAttempts && end.how != JobEnd::cannot_start && !would_repeat) {
      say(*job, fmt::format("{}; starting it again ({} of {})", reason, attempt + 1, kAttempts));
      log(StudyEvent::job_retried, {{"job", job->id}, {"reason", reason}});
      pending_.push_front({job, attempt + 1});
      return;
    }
    progress_.say(fmt::format("job {} ({}) failed: {}", job->id, describe(*job), reason));
    log(StudyEvent::job_failed, {{"job", job->id}, {"what", describe(*job)}, {"reason", reason}});
    result_.failed.push_back({job->id, describe(*job), reason});
  }

  void say(const JobPlan& job, const std::string& text) {
    progress_.say(fmt::format("job {} ({}): {}", job.id, describe(job), text));
  }

  void log(StudyEvent event, Json details) {
    if (!executor_.in_process) log_event(study_, event, std::move(details));
  }

  fs::path study_;
  const Executor& executor_;
  Signals& signals_;
  Progress& progress_;
  std::deque<Pending> pending_;
  std::map<std::string, Pending> running_;  ///< by job
  std::set<std::string> counted_;           ///< runs whose records were told of
  int stops_ = 0;
  QueueResult result_;
};

}  // namespace

QueueResult run_jobs(const fs::path& study, const std::vector<JobPlan>& jobs, const Executor& executor,
                     Signals& signals, Progress& progress) {
  return Queue(fs::absolute(study), executor, signals, progress).run(jobs);
}

}  // namespace scalelaw::inline exec
