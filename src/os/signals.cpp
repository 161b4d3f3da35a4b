#include "os/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "os/error.hpp"

namespace scalelaw::inline os {

Signals::Signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, &before_);
  fd_ = UniqueFd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd_) {
    const int problem = errno;
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
    fail_device("cannot watch for signals: {}; close some programs and try again", std::strerror(problem));
  }
}

Signals::~Signals() {
  fd_.reset();
  ::sigprocmask(SIG_SETMASK, &before_, nullptr);
}

int Signals::take_stops() {
  int stops = 0;
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo != static_cast<unsigned>(SIGCHLD)) ++stops;
  }
  return stops;
}

}  // namespace scalelaw::inline os
