#pragma once
// One training process: started, read from, and its end explained.
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "os/signals.hpp"

namespace scalelaw {

/// Starts a line of the log that came from standard output without being an event: talk, not the reason of a failure.
inline constexpr const char* kFromOutput = "[stdout] ";

struct Worker {
  pid_t pid = -1;       ///< also its process group
  int output = -1;      ///< its standard output, non-blocking; -1 once at its end
  std::string partial;  ///< of a line not yet ended
  std::filesystem::path log;
  std::uintmax_t log_start = 0;  ///< size of the log when this process began
};

/// Starts argv with its standard error appended to log, in a process group of its own, killed with this process,
/// holding a lock on folder/lock until it and its descendants have ended. None where another process still holds that
/// lock. Errors (environment): no more processes or files.
[[nodiscard]] std::optional<Worker> start_worker(const std::vector<std::string>& argv,
                                                 const std::map<std::string, std::string>& environment,
                                                 const std::filesystem::path& folder, const Signals& signals);

/// Whole lines that have arrived; sets output to -1 at the end of the stream.
[[nodiscard]] std::vector<std::string> read_lines(Worker& worker);

/// "exit code 4" or "killed by signal 9 (Killed)", from waitpid's status.
[[nodiscard]] std::string describe_status(int status);

/// How a process ended, from waitpid's status, and the last line of its standard error: "exit code 4: error: disk
/// full".
[[nodiscard]] std::string explain_end(const Worker& worker, int status);

/// Sends a signal to the worker and its descendants.
void signal_worker(const Worker& worker, int signal);

}  // namespace scalelaw
