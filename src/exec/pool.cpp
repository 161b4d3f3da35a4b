#include "exec/pool.hpp"

#include <poll.h>

#include <cmath>
#include <deque>
#include <limits>
#include <list>
#include <set>

#include "exec/backend.hpp"
#include "exec/worker.hpp"
#include "os/files.hpp"
#include "os/process.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;
constexpr int kPollMs = 250;

struct Pending {
  const JobPlan* job = nullptr;
  int attempt = 1;
  bool told_waiting = false;  ///< the user knows that an earlier worker still holds the job
};

struct Running {
  Pending pending;
  Worker worker;
  std::int64_t slot = 0;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

class Pool {
 public:
  Pool(const fs::path& study, const PoolOptions& options, Signals& signals, Progress& progress)
      : study_(fs::absolute(study)), options_(options), signals_(signals), progress_(progress) {}

  PoolResult run(const std::vector<JobPlan>& jobs) {
    for (const JobPlan& job : jobs) {
      pending_.push_back({&job});
      write_job(job);
      progress_.add_work(job.id, job.flops);
    }
    while (!running_.empty() || (!pending_.empty() && stops_ == 0)) {
      if (stops_ == 0) start_some();
      wait_for_news();
      handle_stops();
      for (Running& r : running_) read_output(r);
      reap();
      progress_.tick();
    }
    result_.interrupted = stops_ > 0;
    return std::move(result_);
  }

 private:
  void write_job(const JobPlan& plan) {
    Job job;
    job.id = plan.id;
    job.corpus = options_.corpus;
    job.device = options_.device;
    job.threads = options_.threads;
    job.engine = options_.engine;
    job.graph = options_.graph;
    job.checkpoint_every_s = options_.checkpoint_every_s;
    job.runs = plan.runs;
    write_json_file(job_folder(study_, plan.id) / "job.json", to_json(job));
  }

  void start_some() {
    for (std::size_t tries = pending_.size(); tries > 0 && std::ssize(running_) < options_.workers; --tries) {
      Pending next = pending_.front();
      pending_.pop_front();
      if (!start(next)) pending_.push_back(next);
    }
  }

  bool start(Pending& next) {
    std::vector<std::string> argv;
    for (const auto& part : options_.command) {
      const std::string with_job = replaced(part, "{job}", (job_folder(study_, next.job->id) / "job.json").string());
      argv.push_back(replaced(with_job, "{out}", study_.string()));
    }
    const std::int64_t slot = free_slot();
    std::map<std::string, std::string> environment{{"OMP_NUM_THREADS", std::to_string(options_.threads)}};
    if (options_.device == "cuda" && options_.devices > 1) {
      environment["CUDA_VISIBLE_DEVICES"] = visible_device(slot % options_.devices);
    }
    auto worker = start_worker(argv, environment, job_folder(study_, next.job->id), signals_);
    if (!worker) {
      if (!next.told_waiting && next.attempt == 1) {
        progress_.say(fmt::format("job {} ({}): a worker of an earlier study is still at it; waiting for its end",
                                  next.job->id, describe(*next.job)));
      }
      next.told_waiting = true;
      return false;
    }
    log_event(study_, "job_started", {{"job", next.job->id}, {"what", describe(*next.job)}, {"attempt", next.attempt}});
    running_.push_back({next, std::move(*worker), slot});
    return true;
  }

  std::int64_t free_slot() const {
    std::set<std::int64_t> used;
    for (const Running& r : running_) used.insert(r.slot);
    std::int64_t slot = 0;
    while (used.contains(slot)) ++slot;
    return slot;
  }

  void wait_for_news() {
    std::vector<pollfd> fds{{signals_.fd(), POLLIN, 0}};
    for (const Running& r : running_) {
      if (r.worker.process.output() >= 0) fds.push_back({r.worker.process.output(), POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), kPollMs);
  }

  void handle_stops() {
    const int stops = signals_.take_stops();
    if (stops == 0) return;
    if (stops_ == 0) progress_.say("stopping: waiting for the workers' checkpoints (once more to stop at once)");
    const int signal = stops_ == 0 ? SIGTERM : SIGKILL;
    stops_ += stops;
    for (const Running& r : running_) r.worker.process.signal(signal);
  }

  void read_output(Running& r) {
    for (const std::string& line : read_lines(r.worker)) {
      const Json event = Json::parse(line, nullptr, false);
      if (event.is_object() && event.contains("event")) {
        handle_event(r, event);
      } else if (!line.empty()) {
        append_line(r.worker.log, kFromOutput + line);
      }
    }
  }

  void handle_event(Running& r, const Json& event) {
    const JobPlan& job = *r.pending.job;
    if (event["event"] == "progress") {
      const double total = number_or_nan(event, "tokens_total");
      const double tokens = number_or_nan(event, "tokens");
      const double speed = number_or_nan(event, "tokens_per_s");
      const double fraction = total > 0 ? std::clamp(tokens / total, 0.0, 1.0) : 0;
      progress_.update(job.id, std::isfinite(fraction) ? fraction : 0, number_or_nan(event, "loss"),
                       std::isfinite(speed) ? speed : 0);
    } else if (event["event"] == "note" && event.contains("message") && event["message"].is_string()) {
      progress_.say(fmt::format("job {} ({}): {}", job.id, describe(job), event["message"].get<std::string>()));
    } else if (event["event"] == "record") {
      const std::string id = event.contains("run") && event["run"].is_string() ? event["run"].get<std::string>() : "";
      if (!id.empty() && counted_.insert(id).second) progress_.set_done_runs(progress_.done_runs() + 1);
      log_event(study_, "run_finished",
                {{"run", id}, {"job", job.id}, {"loss", finite_or_null(number_or_nan(event, "loss"))}});
    }
  }

  void reap() {
    for (auto it = running_.begin(); it != running_.end();) {
      const std::optional<ProcessEnd> end = it->worker.process.try_wait();
      if (!end) {
        ++it;
        continue;
      }
      it->worker.process.signal(SIGKILL);  // descendants that outlived it
      read_output(*it);
      finish(*it, *end);
      it = running_.erase(it);
    }
  }

  void finish(Running& r, const ProcessEnd& end) {
    const JobPlan& job = *r.pending.job;
    std::size_t missing = 0, refusals = 0;
    std::string refused;  // the first that the trainer wrote and we cannot take
    for (const RunSpec& run : job.runs) {
      const RecordCheck check = check_record(study_, run_id(run));
      missing += check.finished ? 0 : 1;
      refusals += check.refused.empty() ? 0 : 1;
      if (refused.empty()) refused = check.refused;
    }
    const bool exited_well = end.status == 0;
    progress_.stop(job.id, missing == 0);
    if (missing == 0) {
      log_event(study_, "job_finished", {{"job", job.id}});
      return;
    }
    if (stops_ > 0) {
      log_event(study_, "job_stopped", {{"job", job.id}});
      return;
    }
    std::string reason = explain_end(r.worker, end);
    if (exited_well) {
      reason = fmt::format("ended without an error but {} of its {} records {} missing or refused", missing,
                           job.runs.size(), missing == 1 ? "is" : "are");
    }
    if (refusals > 0) reason += fmt::format("; {} refused, {}{}", refusals, refusals == 1 ? "" : "the first ", refused);
    const bool cannot_start = end.exit_code() == 127;
    const bool would_repeat = exited_well && refusals > 0;  // it takes its records for good ones
    if (r.pending.attempt < options_.attempts && !cannot_start && !would_repeat) {
      progress_.say(fmt::format("job {} ({}): {}; starting it again ({} of {})", job.id, describe(job), reason,
                                r.pending.attempt + 1, options_.attempts));
      log_event(study_, "job_retried", {{"job", job.id}, {"reason", reason}});
      pending_.push_front({&job, r.pending.attempt + 1});
      return;
    }
    progress_.say(fmt::format("job {} ({}) failed: {}", job.id, describe(job), reason));
    log_event(study_, "job_failed", {{"job", job.id}, {"what", describe(job)}, {"reason", reason}});
    result_.failed.push_back({job.id, describe(job), reason});
  }

  fs::path study_;
  const PoolOptions& options_;
  Signals& signals_;
  Progress& progress_;
  std::deque<Pending> pending_;
  std::list<Running> running_;  ///< where an error ends the study, they are killed with this
  std::set<std::string> counted_;
  int stops_ = 0;
  PoolResult result_;
};

}  // namespace

PoolResult run_jobs(const fs::path& study, const std::vector<JobPlan>& jobs, const PoolOptions& options,
                    Signals& signals, Progress& progress) {
  return Pool(study, options, signals, progress).run(jobs);
}

}  // namespace scalelaw
