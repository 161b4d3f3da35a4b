#pragma once
// Runs the program scalelaw in a folder of the test.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/json.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw::test {

struct Outcome {
  int code = -1;
  std::string out, err;

  /// Standard output as JSON.
  [[nodiscard]] Json json() const {
    EXPECT_EQ(code, 0) << err;
    return Json::parse(out);
  }
  void expect_error(int expected, const std::string& text) const {
    EXPECT_EQ(code, expected) << err;
    EXPECT_EQ(out, "");
    EXPECT_TRUE(err.starts_with("error: ")) << err;
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
    EXPECT_THAT(err, testing::HasSubstr(text));
  }
};

inline Outcome run_scalelaw(const TempFolder& folder, const std::string& arguments) {
  const std::string command =
      fmt::format("cd '{}' && '{}/scalelaw' {} >.out 2>.err", folder.path().string(), SCALELAW_BINARY_DIR, arguments);
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text_file(folder / ".out"),
          read_text_file(folder / ".err")};
}

}  // namespace scalelaw::test
