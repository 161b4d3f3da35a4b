#include "exec/simulate_executor.hpp"

#include <limits>
#include <memory>

#include "core/format.hpp"
#include "sim/simulate.hpp"

namespace scalelaw::inline exec {
namespace {

class Simulations {
 public:
  explicit Simulations(std::filesystem::path study) : study_(std::move(study)) {}

  bool submit(const JobPlan& job) {
    SCALELAW_CHECK(job_ == nullptr, "one job at a time");
    job_ = &job;
    next_ = 0;
    cancelled_ = false;
    return true;
  }

  std::vector<JobEvent> poll() {
    std::vector<JobEvent> events;
    if (job_ == nullptr) return events;
    const std::string id = job_->id;
    if (cancelled_) {
      events.push_back({id, JobEnded{JobEnd::failed, "stopped"}});
      job_ = nullptr;
      return events;
    }
    RunRecord record = simulate(job_->runs.at(next_++));
    record.context.started = record.context.finished = utc_now();
    write_record(study_, record);
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    events.push_back({id, JobRecord{record.id, record.loss.nats.value_or(kUnknown)}});
    if (next_ == job_->runs.size()) {
      events.push_back({id, JobEnded{}});
      job_ = nullptr;
    }
    return events;
  }

  void cancel() { cancelled_ = true; }

 private:
  std::filesystem::path study_;
  const JobPlan* job_ = nullptr;  ///< none while it has nothing to do
  std::size_t next_ = 0;          ///< of its runs
  bool cancelled_ = false;
};

}  // namespace

std::optional<Executor> simulate_executor(const StudyConfig&, const StudyOptions& options, const Signals&) {
  if (!options.backend.simulate) return std::nullopt;
  const auto simulations = std::make_shared<Simulations>(options.folder);
  return Executor{.capacity = 1,
                  .in_process = true,
                  .submit = [simulations](const JobPlan& job) { return simulations->submit(job); },
                  .wait = [](int) {},
                  .poll = [simulations] { return simulations->poll(); },
                  .cancel = [simulations](Cancel) { simulations->cancel(); }};
}

}  // namespace scalelaw::inline exec
