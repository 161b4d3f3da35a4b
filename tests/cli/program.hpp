#pragma once
// Runs programs as a user would.
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "os/files.hpp"

namespace scalelaw {

struct ProgramResult {
  int code = -1;  ///< -1: ended by a signal
  std::string out, err;
};

/// A shell command in a folder; its output goes through files named .out and .err there.
inline ProgramResult run_in(const std::filesystem::path& folder, const std::string& command) {
  const auto out = folder / ".out", err = folder / ".err";
  const int status = std::system(
      fmt::format("cd '{}' && {{ {}; }} >'{}' 2>'{}'", folder.string(), command, out.string(), err.string()).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text_file(out), read_text_file(err)};
}

}  // namespace scalelaw
