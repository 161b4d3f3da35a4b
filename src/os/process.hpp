#pragma once
// Programs that are started: what they are given, what they print, how they end.
#include <sys/types.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "os/unique_fd.hpp"

namespace scalelaw::inline os {

/// Where a stream of a program goes: where this process's own does, nowhere, to Process::output (one pipe for both
/// streams), or to the end of Program::log.
enum class Stream { inherited, null, pipe, file };

/// A program and what it is started with. Of the descriptors that are opened to be closed in programs (O_CLOEXEC), as
/// all of this project are, it gets those named here; without anything else said, it has this process's variables,
/// streams, signal mask and process group.
struct Program {
  std::vector<std::string> argv;                        ///< its name and its arguments
  std::filesystem::path file = {};                      ///< that is run, where argv[0] does not say it
  bool search_path = false;                             ///< where it has no slash, look for it in PATH
  std::map<std::string, std::string> environment = {};  ///< variables that are added or changed
  std::vector<std::string> without = {};                ///< beginnings of variables that it does not get
  bool no_input = false;                                ///< its standard input is at its end
  Stream output = Stream::inherited;                    ///< standard output
  Stream error = Stream::inherited;                     ///< standard error
  std::filesystem::path log = {};                       ///< see Stream
  bool own_group = false;                               ///< in a process group of its own, which signals go to
  bool dies_with_parent = false;                        ///< killed when the thread that starts it ends, however it does
  std::vector<int> keep_open = {};                      ///< descriptors above 2 that it gets, a lock's for example
  std::optional<sigset_t> blocked_signals = {};         ///< its signal mask
  /// Whether not being able to run the file is an error here. Otherwise the process writes "error: cannot start FILE:
  /// REASON" to its standard error and ends with exit code 127, as a shell's does.
  bool must_start = true;
};

/// How a process ended.
struct ProcessEnd {
  int status = 0;          ///< as waitpid gives it; 0 where that is not known
  bool known = true;       ///< false where the system collects children by itself (SIGCHLD is ignored)
  double processor_s = 0;  ///< processor time that it took, with those of its children that it waited for

  /// -1 where a signal ended it, or it is not known
  [[nodiscard]] int exit_code() const;
};

/// "exit code 4" or "killed by signal 9 (Killed)"
[[nodiscard]] std::string describe(const ProcessEnd& end);

/// A process that was started here. One that has not been waited for when this goes is killed.
class Process {
 public:
  /// Starts the program. Errors (environment): no more processes or descriptors; the log cannot be opened; with
  /// Program::must_start, the file cannot be run, which is named.
  explicit Process(const Program& program);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() { kill_unwaited(); }

  /// Its number, to name it to others; -1 once it has been moved away.
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Descriptor to poll for what it prints; -1 without a pipe, or once its end has been read.
  [[nodiscard]] int output() const { return output_.get(); }
  /// What it has printed to the pipe since the last call; never waits.
  [[nodiscard]] std::string read_available();
  /// What it prints to the pipe until the end, which all have to reach that have the pipe.
  [[nodiscard]] std::string read_all();

  /// How it ended, if it has; never waits.
  [[nodiscard]] std::optional<ProcessEnd> try_wait() { return collect(false); }
  /// How it ended, once it has.
  ProcessEnd wait() { return *collect(true); }
  /// Sends a signal; with Program::own_group to its descendants too, even after its end.
  void signal(int number) const;

 private:
  std::optional<ProcessEnd> collect(bool waits);
  void kill_unwaited() noexcept;

  pid_t pid_ = -1;
  bool own_group_ = false;
  UniqueFd output_;
  std::optional<ProcessEnd> end_;
};

}  // namespace scalelaw::inline os
