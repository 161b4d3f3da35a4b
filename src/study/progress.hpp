#pragma once
// What a person sees while a study runs: one line redrawn on a terminal, plain lines now and then elsewhere.
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace scalelaw::inline study {

struct ProgressOutput {
  std::function<void(std::string_view)> write = [](std::string_view) {};
  bool terminal = false;  ///< redraw one line; else a plain line every `plain_every_s`
  double plain_every_s = 10;
};

/// Standard error, as a terminal if it is one; silent if quiet.
[[nodiscard]] ProgressOutput standard_progress(bool quiet);

class Progress {
 public:
  Progress(ProgressOutput output, std::int64_t total_runs, std::int64_t done_runs);

  /// Work still to do, in FLOPs, for the time left.
  void add_work(const std::string& job, double flops);
  /// A job is at `fraction` of its work; its last loss and speed.
  void update(const std::string& job, double fraction, double loss_nats, double tokens_per_s);
  /// The job is over, or starts again later: no longer counted in the speed.
  void stop(const std::string& job, bool finished);
  void set_done_runs(std::int64_t done) { done_ = done; }
  void set_total_runs(std::int64_t total) { total_ = total; }
  [[nodiscard]] std::int64_t done_runs() const { return done_; }

  /// Writes a line that stays.
  void say(std::string_view text);
  /// Redraws, or writes a plain line if one is due.
  void tick();
  /// Ends the redrawn line.
  void finish();
  /// "12/96 runs, loss 1.873, 103k tokens/s, 2m 05s left"
  [[nodiscard]] std::string summary() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct JobState {
    double flops = 0, fraction = 0, first_fraction = -1, loss_nats = 0, tokens_per_s = 0;
  };
  void clear_line();

  ProgressOutput output_;
  std::int64_t total_, done_;
  std::map<std::string, JobState> jobs_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_plain_ = Clock::now();
  std::string shown_;
  std::string last_summary_;
  std::string last_job_;
};

}  // namespace scalelaw::inline study
