#pragma once
// Runs programs as a user would: in a folder, with variables and input; what they print and how they end.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/json.hpp"
#include "os/files.hpp"
#include "os/process.hpp"
#include "temp_folder.hpp"

namespace scalelaw {

struct ProgramResult {
  int code = -1;  ///< -1: ended by a signal
  std::string out, err;

  /// Standard output as JSON of a program that succeeded.
  [[nodiscard]] Json json() const {
    EXPECT_EQ(code, 0) << err;
    return Json::parse(out);
  }
  /// It must have ended with this code, nothing on standard output and one line of error that holds this text.
  void expect_error(int expected, const std::string& text) const {
    EXPECT_EQ(code, expected) << err;
    EXPECT_EQ(out, "");
    EXPECT_TRUE(err.starts_with("error: ")) << err;
    EXPECT_EQ(std::ranges::count(err, '\n'), 1) << err;
    EXPECT_THAT(err, ::testing::HasSubstr(text));
  }
};

struct RunWith {
  std::filesystem::path folder = ".";
  std::map<std::string, std::string> environment = {};  ///< variables that are added or changed
  std::string input = {};                               ///< all of its standard input
};

/// Runs a program, which is looked for in PATH where its name has no slash, to its end. Processes that it leaves behind
/// are not waited for. Exit code 126 or 127 where it cannot be started, as a shell's.
inline ProgramResult run_program(const std::vector<std::string>& argv, const RunWith& with = {}) {
  const TempFolder streams;
  write_file_atomic(streams / "in", with.input);
  Program program{.argv = {"sh", "-c", R"(cd "$1" && exec <"$2/in" >"$2/out" 2>"$2/err" && shift 2 && exec "$@")", "sh",
                           with.folder.string(), streams.path().string()},
                  .search_path = true,
                  .environment = with.environment};
  program.argv.insert(program.argv.end(), argv.begin(), argv.end());
  const ProcessEnd end = Process(program).wait();
  return {end.exit_code(), read_text_file(streams / "out"), read_text_file(streams / "err")};
}

/// Runs a shell command in a folder.
inline ProgramResult run_in(const std::filesystem::path& folder, const std::string& command) {
  return run_program({"sh", "-c", command}, {.folder = folder});
}

/// Starts a shell command in a folder, which it is replaced by, with SIGINT as a terminal's programs have it; what it
/// prints goes to the end of `log`.
inline Process start_in(const std::filesystem::path& folder, const std::string& command,
                        const std::filesystem::path& log) {
  return Process({.argv = {"sh", "-c", "cd \"$1\" && exec env --default-signal=INT " + command, "sh", folder.string()},
                  .search_path = true,
                  .no_input = true,
                  .output = Stream::file,
                  .error = Stream::file,
                  .log = log});
}

/// Runs `scalelaw ARGUMENTS` in a folder, the arguments as a shell reads them, after the shell words `before`:
/// VARIABLE=x or a command with its semicolon.
inline ProgramResult run_scalelaw(const std::filesystem::path& folder, const std::string& arguments,
                                  const std::string& before = "") {
  return run_in(folder, fmt::format("{} '{}/scalelaw' {}", before, SCALELAW_BINARY_DIR, arguments));
}

}  // namespace scalelaw
