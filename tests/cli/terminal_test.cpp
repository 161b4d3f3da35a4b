// --color and --verbose.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/run_scalelaw.hpp"

namespace scalelaw::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kRed = "\x1b[1;31merror:\x1b[0m ";

/// What the program writes to standard error where that is a terminal.
std::string on_a_terminal(const TempFolder& folder, const std::string& variables, const std::string& arguments) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  EXPECT_TRUE(terminal >= 0 && ::grantpt(terminal) == 0 && ::unlockpt(terminal) == 0);
  const std::string name = ::ptsname(terminal);
  const int keep = ::open(name.c_str(), O_RDWR | O_NOCTTY);  // so that the text stays until it is read
  const std::string command = fmt::format("cd '{}' && env -u NO_COLOR {} '{}/scalelaw' {} >.out 2>'{}'",
                                          folder.path().string(), variables, SCALELAW_BINARY_DIR, arguments, name);
  EXPECT_NE(std::system(command.c_str()), -1);
  std::string text(4096, '\0');
  const ssize_t read = ::read(terminal, text.data(), text.size());
  text.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
  ::close(keep);
  ::close(terminal);
  return text;
}

TEST(Terminal, ColoursAreAskedForOrOfATerminal) {
  const TempFolder folder;
  const std::string wrong = "fit nothing.csv";
  EXPECT_THAT(run_scalelaw(folder, wrong + " --color always").err, testing::StartsWith(kRed));
  EXPECT_THAT(run_scalelaw(folder, wrong).err, testing::StartsWith("error: ")) << "a file";
  EXPECT_THAT(on_a_terminal(folder, "TERM=xterm", wrong), testing::StartsWith(kRed));
  EXPECT_THAT(on_a_terminal(folder, "TERM=xterm", wrong + " --color never"), testing::StartsWith("error: "));
  EXPECT_THAT(on_a_terminal(folder, "TERM=xterm NO_COLOR=1", wrong), testing::StartsWith("error: "));
  EXPECT_THAT(on_a_terminal(folder, "TERM=xterm NO_COLOR=", wrong), testing::StartsWith(kRed)) << "empty is not set";
  EXPECT_THAT(on_a_terminal(folder, "TERM=dumb", wrong), testing::StartsWith("error: "));
  run_scalelaw(folder, "fit nothing.csv --color sometimes").expect_error(2, "sometimes");
}

TEST(Terminal, VerboseSaysWhatIsReadAndDoneOnStandardError) {
  const TempFolder folder;
  std::string rows = "params,tokens,loss\n";
  for (const int n : {1, 2, 4, 8}) {
    for (const int d : {1, 2, 4, 8}) {
      rows += fmt::format("{}e6,{}e8,{}\n", n, d, 1.7 + 400 / std::pow(n * 1e6, 0.34) + 410 / std::pow(d * 1e8, 0.28));
    }
  }
  write_file_atomic(folder / "points.csv", rows);
  const Outcome quiet = run_scalelaw(folder, "fit points.csv --bootstrap 0");
  const Outcome verbose = run_scalelaw(folder, "fit points.csv --bootstrap 0 --verbose");
  EXPECT_EQ(quiet.out, verbose.out);
  EXPECT_EQ(quiet.err, "");
  EXPECT_THAT(verbose.err, testing::AllOf(HasSubstr("scalelaw 0.1.0"), HasSubstr("read points.csv"),
                                          HasSubstr("fit of 16 points by method parametric, law chinchilla"),
                                          HasSubstr("exit code 0")));
}

}  // namespace
}  // namespace scalelaw::test
