// Every command that the README shows for the program is run, in its order, in a folder that looks like a checkout.
#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "program.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

/// Lines of the README's code blocks that start with `start`, without what follows a '#'.
std::vector<std::string> commands(const std::string& start) {
  std::istringstream readme(read_text_file(fs::path(SCALELAW_SOURCE_DIR) / "README.md"));
  std::vector<std::string> found;
  bool code = false;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("```")) code = !code;
    if (code && line.starts_with(start)) found.push_back(line.substr(0, line.find('#')));
  }
  return found;
}

TEST(Readme, NamesItsScripts) {
  const std::vector<std::string> scripts = commands("scripts/");
  ASSERT_EQ(scripts.size(), 3U);
  for (const std::string& line : scripts) {
    const fs::path script = fs::path(SCALELAW_SOURCE_DIR) / line.substr(0, line.find(' '));
    EXPECT_EQ(fs::status(script).permissions() & fs::perms::owner_exec, fs::perms::owner_exec) << script;
  }
}

TEST(Readme, EveryCommandWorks) {
  const fs::path source = SCALELAW_SOURCE_DIR;
  if (!fs::exists(source / "studies/quick/runs")) {
    GTEST_SKIP() << "the quick study has not been made; scripts/quickstart.sh makes it";
  }
  const TempFolder folder;
  fs::create_directories(folder / "build");
  fs::create_directory_symlink(SCALELAW_BINARY_DIR, folder / "build/release");
  for (const char* name : {"configs", "data"}) fs::create_directory_symlink(source / name, folder / name);
  fs::create_directories(folder / "studies");
  fs::copy(source / "studies/quick", folder / "studies/quick", fs::copy_options::recursive);
  const std::vector<std::string> lines = commands("build/release/scalelaw");
  EXPECT_GE(lines.size(), 11U);
  for (const std::string& line : lines) {
    const ProgramResult result = run_in(folder, line);
    EXPECT_EQ(result.code, 0) << line << "\n" << result.err;
    EXPECT_FALSE(result.out.empty()) << line;
  }
}

}  // namespace
}  // namespace scalelaw
