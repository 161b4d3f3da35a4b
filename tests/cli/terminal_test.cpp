// --color and --verbose.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include "program.hpp"

namespace scalelaw::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kRed = "\x1b[1;31merror:\x1b[0m ";

/// A terminal of this test's own, where the machine gives out any.
class OwnTerminal {
 public:
  OwnTerminal() {
    if (master_ < 0 || ::grantpt(master_) != 0 || ::unlockpt(master_) != 0) return;
    const char* name = ::ptsname(master_);
    if (name != nullptr) name_ = name;
    kept_ = name_.empty() ? -1 : ::open(name_.c_str(), O_RDWR | O_NOCTTY);  // so that text stays until it is read
  }
  OwnTerminal(const OwnTerminal&) = delete;
  OwnTerminal& operator=(const OwnTerminal&) = delete;
  ~OwnTerminal() {
    for (const int fd : {kept_, master_}) {
      if (fd >= 0) ::close(fd);
    }
  }
  [[nodiscard]] bool usable() const { return kept_ >= 0; }

  /// What the program writes to standard error where that is this terminal.
  [[nodiscard]] std::string errors_of(const TempFolder& folder, const std::string& variables,
                                      const std::string& arguments) const {
    (void)run_scalelaw(folder, fmt::format("{} 2>'{}'", arguments, name_), "env -u NO_COLOR " + variables);
    std::string text(4096, '\0');
    const ssize_t read = ::read(master_, text.data(), text.size());
    text.resize(read > 0 ? static_cast<std::size_t>(read) : 0);
    return text;
  }

 private:
  int master_ = ::posix_openpt(O_RDWR | O_NOCTTY), kept_ = -1;
  std::string name_;
};

TEST(Terminal, ColoursAreAskedFor) {
  const TempFolder folder;
  const std::string wrong = "fit nothing.csv";
  EXPECT_THAT(run_scalelaw(folder, wrong + " --color always").err, testing::StartsWith(kRed));
  EXPECT_THAT(run_scalelaw(folder, wrong).err, testing::StartsWith("error: ")) << "a file";
  run_scalelaw(folder, "fit nothing.csv --color sometimes").expect_error(2, "sometimes");
}

TEST(Terminal, ColoursAreOfATerminalThatWantsThem) {
  const OwnTerminal terminal;
  if (!terminal.usable()) GTEST_SKIP() << "this machine gives out no terminals (/dev/ptmx)";
  const TempFolder folder;
  const auto errors = [&](const std::string& variables, const std::string& more = "") {
    return terminal.errors_of(folder, variables, "fit nothing.csv" + more);
  };
  EXPECT_THAT(errors("TERM=xterm"), testing::StartsWith(kRed));
  EXPECT_THAT(errors("TERM=xterm", " --color never"), testing::StartsWith("error: "));
  EXPECT_THAT(errors("TERM=xterm NO_COLOR=1"), testing::StartsWith("error: "));
  EXPECT_THAT(errors("TERM=xterm NO_COLOR="), testing::StartsWith(kRed)) << "empty is not set";
  EXPECT_THAT(errors("TERM=dumb"), testing::StartsWith("error: "));
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
  const ProgramResult quiet = run_scalelaw(folder, "fit points.csv --bootstrap 0");
  const ProgramResult verbose = run_scalelaw(folder, "fit points.csv --bootstrap 0 --verbose");
  EXPECT_EQ(quiet.out, verbose.out);
  EXPECT_EQ(quiet.err, "");
  EXPECT_THAT(verbose.err, testing::AllOf(HasSubstr("scalelaw 0.1.0"), HasSubstr("read points.csv"),
                                          HasSubstr("fit of 16 points by method parametric, law chinchilla"),
                                          HasSubstr("exit code 0")));
}

}  // namespace
}  // namespace scalelaw::test
