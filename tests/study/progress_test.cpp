#include "study/progress.hpp"

#include <gmock/gmock.h>

#include <limits>

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ProgressTest : public ::testing::Test {
 protected:
  ProgressOutput output(bool terminal, double every_s = 0) {
    return {.write = [this](std::string_view text) { said_ += text; }, .terminal = terminal, .plain_every_s = every_s};
  }
  std::string said_;
};

TEST_F(ProgressTest, OnATerminalOneLineIsRedrawnOnlyWhenItChanges) {
  Progress progress(output(true), 8, 1);
  progress.tick();
  EXPECT_EQ(said_, "\r\x1b[K1/8 runs");
  progress.tick();
  EXPECT_EQ(said_, "\r\x1b[K1/8 runs");
  progress.set_done_runs(2);
  said_.clear();
  progress.say("a job failed");
  EXPECT_EQ(said_, "\r\x1b[Ka job failed\n") << "a line that stays replaces the redrawn one";
  said_.clear();
  progress.tick();
  progress.finish();
  EXPECT_EQ(said_, "\r\x1b[K2/8 runs\r\x1b[K");
}

TEST_F(ProgressTest, ElsewhereLinesArePlainAndOnlyNewOnesAreWritten) {
  Progress progress(output(false), 8, 0);
  progress.tick();
  progress.tick();
  progress.set_done_runs(3);
  progress.tick();
  progress.finish();
  EXPECT_EQ(said_, "0/8 runs\n3/8 runs\n");
}

TEST_F(ProgressTest, PlainLinesKeepTheirDistance) {
  Progress progress(output(false, 3600), 8, 0);
  progress.tick();
  progress.set_done_runs(3);
  progress.tick();
  EXPECT_EQ(said_, "");
}

TEST_F(ProgressTest, SumsTheSpeedOfJobsAtWorkAndShowsTheLastLoss) {
  Progress progress(output(false), 8, 0);
  progress.add_work("a", 1e9);
  progress.add_work("b", 1e9);
  progress.update("a", 0.5, 2.0, 1000);
  progress.update("b", 0.1, 3.0, 500);
  EXPECT_EQ(progress.summary(), "0/8 runs, loss 3.000, 1.5k tokens/s");
  progress.stop("a", true);
  EXPECT_EQ(progress.summary(), "0/8 runs, loss 3.000, 500 tokens/s");
  progress.update("b", 0.2, std::numeric_limits<double>::quiet_NaN(), 500);
  EXPECT_THAT(progress.summary(), Not(HasSubstr("loss"))) << "an unknown loss is not shown";
}

}  // namespace
}  // namespace scalelaw
