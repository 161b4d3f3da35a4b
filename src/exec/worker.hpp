#pragma once
// One training process: started, read from, and its end explained.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "os/process.hpp"
#include "os/signals.hpp"

namespace scalelaw::inline exec {

/// Starts a line of the log that came from standard output without being an event: talk, not the reason of a failure.
inline constexpr const char* kFromOutput = "[stdout] ";

struct Worker {
  Process process;           ///< in a group of its own; killed where the worker goes before its end was seen
  std::string partial = {};  ///< of a line not yet ended
  std::filesystem::path log = {};
  std::uintmax_t log_start = 0;  ///< size of the log when this process began
};

/// Starts argv with its standard error appended to log, in a process group of its own, killed with this process,
/// holding a lock on folder/lock until it and its descendants have ended. None where another process still holds that
/// lock. Errors (environment): no more processes or files.
[[nodiscard]] std::optional<Worker> start_worker(const std::vector<std::string>& argv,
                                                 const std::map<std::string, std::string>& environment,
                                                 const std::filesystem::path& folder, const Signals& signals);

/// Whole lines that have arrived on its standard output.
[[nodiscard]] std::vector<std::string> read_lines(Worker& worker);

/// How it ended and the last line of its standard error: "exit code 4: error: disk full".
[[nodiscard]] std::string explain_end(const Worker& worker, const ProcessEnd& end);

}  // namespace scalelaw::inline exec
