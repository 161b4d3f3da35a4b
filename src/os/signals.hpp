#pragma once
// SIGINT, SIGTERM, SIGHUP and SIGCHLD as a file descriptor to poll, for as long as the object lives.
#include <csignal>

#include "os/unique_fd.hpp"

namespace scalelaw::inline os {

class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  Signals(Signals&&) = delete;
  Signals& operator=(Signals&&) = delete;

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Takes what has arrived and returns how many of it asked to stop; never waits.
  int take_stops();
  /// The signal mask from before, for a child process.
  [[nodiscard]] const sigset_t& before() const { return before_; }

 private:
  UniqueFd fd_;
  sigset_t before_{};
};

}  // namespace scalelaw::inline os
