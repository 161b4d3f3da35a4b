#include "exec/process_executor.hpp"

#include <poll.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <memory>
#include <optional>
#include <set>

#include "exec/worker.hpp"
#include "os/files.hpp"
#include "os/process.hpp"

namespace scalelaw::inline exec {
namespace {

namespace fs = std::filesystem;
constexpr int kPollMs = 250;

struct Running {
  std::string job;  ///< its id
  Worker worker;
  std::int64_t slot = 0;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// What an event of a trainer (docs/RECORDS.md, "Trainer events") says; none where it is of no interest here.
std::optional<JobEvent> read_event(const std::string& job, const Json& event) {
  const auto text = [&](const char* key) {
    return event.contains(key) && event[key].is_string() ? event[key].get<std::string>() : "";
  };
  const std::optional<TrainerEvent> kind = find_named<TrainerEvent>(text("event"));
  if (kind == TrainerEvent::progress) {
    const double total = number_or_nan(event, "tokens_total");
    const double tokens = number_or_nan(event, "tokens");
    const double speed = number_or_nan(event, "tokens_per_s");
    const double fraction = total > 0 ? std::clamp(tokens / total, 0.0, 1.0) : 0;
    return JobEvent{job, JobProgress{.fraction = std::isfinite(fraction) ? fraction : 0,
                                     .loss_nats = number_or_nan(event, "loss"),
                                     .tokens_per_s = std::isfinite(speed) ? speed : 0}};
  }
  if (kind == TrainerEvent::note && event.contains("message") && event["message"].is_string()) {
    return JobEvent{job, JobNote{text("message")}};
  }
  if (kind == TrainerEvent::record) return JobEvent{job, JobRecord{text("run"), number_or_nan(event, "loss")}};
  return std::nullopt;
}

class Processes {
 public:
  Processes(const StudyConfig& config, const StudyOptions& options, const Signals& signals)
      : study_(fs::absolute(options.folder)),
        backend_(options.backend),
        devices_(options.environment.cuda_devices),
        threads_(config.training.threads_per_worker),
        signals_(signals) {}

  bool submit(const JobPlan& job) {
    const fs::path folder = job_folder(study_, job.id);
    std::vector<std::string> argv;
    for (const auto& part : backend_.command) {
      const std::string with_job = replaced(part, "{job}", (folder / "job.json").string());
      argv.push_back(replaced(with_job, "{out}", study_.string()));
    }
    const std::int64_t slot = free_slot();
    std::map<std::string, std::string> environment{{"OMP_NUM_THREADS", std::to_string(threads_)}};
    if (backend_.device == DeviceKind::cuda && devices_ > 1) {
      environment["CUDA_VISIBLE_DEVICES"] = visible_device(slot % devices_);
    }
    auto worker = start_worker(argv, environment, folder, signals_);
    if (!worker) return false;
    running_.push_back({job.id, std::move(*worker), slot});
    return true;
  }

  void wait(int stops) const {
    std::vector<pollfd> fds{{stops, POLLIN, 0}};
    for (const Running& r : running_) {
      if (r.worker.process.output() >= 0) fds.push_back({r.worker.process.output(), POLLIN, 0});
    }
    ::poll(fds.data(), fds.size(), kPollMs);
  }

  std::vector<JobEvent> poll() {
    std::vector<JobEvent> events;
    for (Running& r : running_) read_output(r, events);
    for (auto it = running_.begin(); it != running_.end();) {
      const std::optional<ProcessEnd> end = it->worker.process.try_wait();
      if (!end) {
        ++it;
        continue;
      }
      it->worker.process.signal(SIGKILL);  // descendants that outlived it
      read_output(*it, events);
      events.push_back({it->job, ended(*it, *end)});
      it = running_.erase(it);
    }
    return events;
  }

  void cancel(Cancel how) const {
    for (const Running& r : running_) r.worker.process.signal(how == Cancel::stop ? SIGTERM : SIGKILL);
  }

 private:
  [[nodiscard]] std::int64_t free_slot() const {
    std::set<std::int64_t> used;
    for (const Running& r : running_) used.insert(r.slot);
    std::int64_t slot = 0;
    while (used.contains(slot)) ++slot;
    return slot;
  }

  static void read_output(Running& r, std::vector<JobEvent>& events) {
    for (const std::string& line : read_lines(r.worker)) {
      const Json event = Json::parse(line, nullptr, false);
      if (event.is_object() && event.contains("event")) {
        if (auto what = read_event(r.job, event)) events.push_back(std::move(*what));
      } else if (!line.empty()) {
        append_line(r.worker.log, kFromOutput + line);
      }
    }
  }

  static JobEnded ended(const Running& r, const ProcessEnd& end) {
    if (end.status == 0) return {};
    return {end.exit_code() == 127 ? JobEnd::cannot_start : JobEnd::failed, explain_end(r.worker, end)};
  }

  fs::path study_;
  const BackendChoice& backend_;
  std::int64_t devices_, threads_;
  const Signals& signals_;
  std::list<Running> running_;
};

}  // namespace

std::optional<Executor> process_executor(const StudyConfig& config, const StudyOptions& options,
                                         const Signals& signals) {
  if (options.backend.simulate) return std::nullopt;
  const auto processes = std::make_shared<Processes>(config, options, signals);
  return Executor{.capacity = options.backend.workers,
                  .in_process = false,
                  .submit = [processes](const JobPlan& job) { return processes->submit(job); },
                  .wait = [processes](int stops) { processes->wait(stops); },
                  .poll = [processes] { return processes->poll(); },
                  .cancel = [processes](Cancel how) { processes->cancel(how); }};
}

}  // namespace scalelaw::inline exec
