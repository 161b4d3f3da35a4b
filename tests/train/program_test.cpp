// scalelaw-trainer as a program: its options without a job.
#include <gmock/gmock.h>

#include "os/command.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;

CommandOutput trainer(const std::string& arguments) {
  CommandOutput output = run_command(shell_quoted(SCALELAW_BINARY_DIR "/scalelaw-trainer") + " " + arguments);
  EXPECT_EQ(output.lines.size(), 1U);
  output.lines.resize(1);
  return output;
}

TEST(TrainerOptions, CheckDeviceRefusesInOneLineWhereTheProgramHasNoCuda) {
  const CommandOutput output = trainer("--check-device");
  EXPECT_EQ(output.status, 4);
  EXPECT_EQ(output.lines[0],
            "error: this trainer was built without CUDA; use scalelaw-trainer-cuda, or train with "
            "--device cpu");
}

TEST(TrainerOptions, AJobIsAskedFor) {
  const CommandOutput output = trainer("--out .");
  EXPECT_EQ(output.status, 2);
  EXPECT_THAT(output.lines[0], HasSubstr("--job is missing"));
}

}  // namespace
}  // namespace scalelaw
