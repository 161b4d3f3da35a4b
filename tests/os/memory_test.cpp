#include "os/memory.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>

#include "temp_folder.hpp"

namespace scalelaw {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();

/// A folder of groups that is not this machine's.
class ControlGroups : public testing::Test {
 protected:
  /// @param group as "/jobs/one"; "" is the root's own
  void limit(const std::string& group, const std::string& memory_max) const {
    const auto folder = folder_ / ("groups" + group);
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "memory.max") << memory_max << '\n';
  }
  [[nodiscard]] double memory_of(const std::string& membership) const {
    std::ofstream(folder_ / "membership") << membership;
    return control_group_memory(folder_ / "membership", folder_ / "groups");
  }

 private:
  TempFolder folder_;
};

TEST_F(ControlGroups, TheLeastLimitOfAGroupAndThoseAboveItHolds) {
  limit("/jobs", "3000000000");
  limit("/jobs/one", "max");
  limit("/jobs/two", "2000000000");
  limit("/jobs/two/deep", "5000000000");
  limit("/other", "1000");
  EXPECT_EQ(memory_of("0::/jobs/one\n"), 3e9);
  EXPECT_EQ(memory_of("0::/jobs/two\n"), 2e9);
  EXPECT_EQ(memory_of("0::/jobs/two/deep\n"), 2e9);
  EXPECT_EQ(memory_of("0::/jobs/without/a/file\n"), 3e9);
}

TEST_F(ControlGroups, OnlyTheLineOfVersionTwoNamesTheGroup) {
  limit("/jobs", "3000000000");
  limit("/memory", "1000");
  EXPECT_EQ(memory_of("5:memory:/memory\n0::/jobs\n1:name=systemd:/memory\n"), 3e9);
}

/// In a container the root is the container's own group.
TEST_F(ControlGroups, TheRootOfAContainerHasALimit) {
  limit("", "4000000000");
  EXPECT_EQ(memory_of("0::/\n"), 4e9);
  EXPECT_EQ(memory_of(""), 4e9) << "no line names a group";
  EXPECT_EQ(memory_of("0::/jobs/one\n"), 4e9);
}

TEST_F(ControlGroups, WithoutLimitsThereIsNone) {
  EXPECT_EQ(memory_of("0::/jobs\n"), kNone) << "no folder of groups";
  limit("/jobs", "max");
  EXPECT_EQ(memory_of("0::/jobs\n"), kNone);
  const TempFolder empty;
  EXPECT_EQ(control_group_memory(empty / "membership", empty / "groups"), kNone);
}

TEST(UsableMemory, IsThereAndFinite) {
  EXPECT_GT(usable_memory(), 0);
  EXPECT_LT(usable_memory(), kNone);
}

}  // namespace
}  // namespace scalelaw
