#pragma once
// Commands of the shell that are run for what they print.
#include <filesystem>
#include <string>
#include <vector>

namespace scalelaw::inline os {

struct CommandOutput {
  int status = -1;                 ///< exit code; -1: ended by a signal, or not started
  std::vector<std::string> lines;  ///< of standard output and standard error, as they came
};

/// Runs a command of the shell to its end.
[[nodiscard]] CommandOutput run_command(const std::string& command);

/// A path as one word of such a command.
[[nodiscard]] std::string shell_quoted(const std::filesystem::path& path);

}  // namespace scalelaw::inline os
