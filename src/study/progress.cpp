#include "study/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "core/format.hpp"

namespace scalelaw::inline study {

ProgressOutput standard_progress(bool quiet) {
  if (quiet) return {};
  ProgressOutput output;
  output.write = [](std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  };
  output.terminal = ::isatty(STDERR_FILENO) == 1;
  return output;
}

Progress::Progress(ProgressOutput output, std::int64_t total_runs, std::int64_t done_runs)
    : output_(std::move(output)), total_(total_runs), done_(done_runs) {}

void Progress::add_work(const std::string& job, double flops) { jobs_[job].flops = flops; }

void Progress::update(const std::string& job, double fraction, double loss_nats, double tokens_per_s) {
  JobState& state = jobs_[job];
  if (state.first_fraction < 0) state.first_fraction = fraction;
  state.fraction = fraction;
  state.loss_nats = loss_nats;
  state.tokens_per_s = tokens_per_s;
  last_job_ = job;
}

void Progress::stop(const std::string& job, bool finished) {
  JobState& state = jobs_[job];
  if (finished) {
    if (state.first_fraction < 0) state.first_fraction = 0;
    state.fraction = 1;
  }
  state.tokens_per_s = 0;
}

std::string Progress::summary() const {
  double speed = 0;
  double made = 0;
  double left = 0;
  for (const auto& [id, job] : jobs_) {
    speed += job.tokens_per_s;
    made += job.flops * (job.fraction - std::max(0.0, job.first_fraction));
    left += job.flops * (1 - job.fraction);
  }
  std::string text = fmt::format("{}/{} runs", done_, total_);
  if (const auto it = jobs_.find(last_job_); it != jobs_.end() && std::isfinite(it->second.loss_nats)) {
    text += fmt::format(", loss {:.3f}", it->second.loss_nats);
  }
  if (speed > 0) text += fmt::format(", {} tokens/s", short_count(speed));
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  if (made > 0 && left > 0 && seconds > 1) text += fmt::format(", {} left", short_duration(seconds * left / made));
  return text;
}

void Progress::clear_line() {
  if (!shown_.empty()) output_.write("\r\x1b[K");
  shown_.clear();
}

void Progress::say(std::string_view text) {
  clear_line();
  output_.write(fmt::format("{}\n", text));
}

void Progress::tick() {
  if (output_.terminal) {
    const std::string text = summary();
    if (text == shown_) return;
    output_.write("\r\x1b[K" + text);
    shown_ = text;
    return;
  }
  const auto now = Clock::now();
  if (std::chrono::duration<double>(now - last_plain_).count() < output_.plain_every_s) return;
  last_plain_ = now;
  std::string text = summary();
  if (text == last_summary_) return;
  output_.write(text + "\n");
  last_summary_ = std::move(text);
}

void Progress::finish() { clear_line(); }

}  // namespace scalelaw::inline study
