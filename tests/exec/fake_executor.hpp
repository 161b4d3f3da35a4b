#pragma once
// An executor that runs nothing: what comes of a job is a function of the job and its attempt, after some polls.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "design/plan.hpp"
#include "exec/executor.hpp"
#include "records/shape.hpp"
#include "study/store.hpp"

namespace scalelaw::testing {

inline void write_fake_record(const std::filesystem::path& study, const RunSpec& run) {
  RunRecord record;
  record.id = run_id(run);
  record.spec = run;
  record.tokens = run.data.tokens;
  record.params = count_params(run.model);
  record.flops = count_flops(run.model, record.tokens);
  record.loss.nats = 2.0;
  write_record(study, record);
}

/// A job for each of the runs.
inline std::vector<JobPlan> one_job_each(const std::vector<PlannedRun>& runs) {
  std::vector<JobPlan> jobs;
  for (const PlannedRun& run : runs) jobs.push_back({.id = job_id({run.spec}), .runs = {run.spec}, .flops = 1e9});
  return jobs;
}

struct FakeExecutor {
  std::filesystem::path study;
  std::int64_t capacity = 2;
  bool in_process = false;
  std::function<int(const JobPlan&)> polls = [](const JobPlan&) { return 1; };  ///< that a job takes
  /// What an attempt, counted from 1, comes to; it may write records. None: done.
  std::function<JobEnded(const JobPlan&, int attempt)> outcome = {};
  std::function<bool(const JobPlan&)> held = [](const JobPlan&) { return false; };  ///< by an earlier study
  std::function<void()> waiting = [] {};                                            ///< called at each wait

  // what the queue did
  std::vector<std::string> submitted = {};
  std::vector<Cancel> cancels = {};
  std::int64_t most_at_once = 0;

  /// Writes every record of the job.
  [[nodiscard]] JobEnded done(const JobPlan& job) const {
    for (const RunSpec& run : job.runs) write_fake_record(study, run);
    return {};
  }

  [[nodiscard]] int attempts(const JobPlan& job) const {
    return static_cast<int>(std::ranges::count(submitted, job.id));
  }

  bool submit(const JobPlan& job) {
    if (held(job)) return false;
    submitted.push_back(job.id);
    running.push_back({&job, polls(job)});
    most_at_once = std::max<std::int64_t>(most_at_once, std::ssize(running));
    return true;
  }

  std::vector<JobEvent> poll() {
    std::vector<JobEvent> events;
    for (auto it = running.begin(); it != running.end();) {
      const JobPlan& job = *it->job;
      if (--it->polls_left > 0) {
        ++it;
        continue;
      }
      const JobEnded end = outcome ? outcome(job, attempts(job)) : done(job);
      if (end.how == JobEnd::finished) events.push_back({job.id, JobRecord{run_id(job.runs.front()), 2.0}});
      events.push_back({job.id, end});
      it = running.erase(it);
    }
    return events;
  }

  /// The seam; this object must outlive it.
  [[nodiscard]] Executor executor() {
    return {.capacity = capacity,
            .in_process = in_process,
            .submit = [this](const JobPlan& job) { return submit(job); },
            .wait = [this](int) { waiting(); },
            .poll = [this] { return poll(); },
            .cancel = [this](Cancel how) { cancels.push_back(how); }};
  }

  struct Job {
    const JobPlan* job = nullptr;
    int polls_left = 1;
  };
  std::vector<Job> running = {};
};

}  // namespace scalelaw::testing
