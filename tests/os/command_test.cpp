#include "os/command.hpp"

#include <gmock/gmock.h>

namespace scalelaw {
namespace {

using ::testing::ElementsAre;

TEST(RunCommand, GivesTheLinesOfBothStreamsAndTheExitCode) {
  const CommandOutput output = run_command("{ echo one; echo; echo 'two  ' >&2; printf three; exit 3; }");
  EXPECT_EQ(output.status, 3);
  EXPECT_THAT(output.lines, ElementsAre("one", "", "two", "three"));
}

TEST(RunCommand, KeepsALongLineWhole) {
  const CommandOutput output = run_command("printf '%01500d\\nnext\\n' 7");
  ASSERT_EQ(output.lines.size(), 2U);
  EXPECT_EQ(output.lines[0].size(), 1500U);
  EXPECT_EQ(output.lines[1], "next");
}

TEST(RunCommand, SaysWhereACommandEndsByASignalOrIsNotThere) {
  EXPECT_EQ(run_command("kill -9 $$").status, -1);
  EXPECT_EQ(run_command("/no/such/program").status, 127);
}

TEST(ShellQuoted, IsOneWord) {
  EXPECT_THAT(run_command("printf '%s\\n' " + shell_quoted("a 'b' $c\\")).lines, ElementsAre("a 'b' $c\\"));
}

}  // namespace
}  // namespace scalelaw
