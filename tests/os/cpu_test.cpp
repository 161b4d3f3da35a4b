#include "os/cpu.hpp"

#include <gmock/gmock.h>
#include <sched.h>

#include <thread>

#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

/// The limit is passed in: what this processor has does not matter.
TEST(InstructionSetLimit, IsNamedByTheEnvironmentVariable) {
  EXPECT_EQ(instruction_set_limit(nullptr), InstructionSet::amx);
  EXPECT_EQ(instruction_set_limit(""), InstructionSet::amx);
  EXPECT_EQ(instruction_set_limit("baseline"), InstructionSet::baseline);
  EXPECT_EQ(instruction_set_limit("avx2"), InstructionSet::avx2);
  EXPECT_EQ(instruction_set_limit("avx512"), InstructionSet::avx512);
  EXPECT_EQ(instruction_set_limit("amx"), InstructionSet::amx);
  for (const char* wrong : {"AVX2", "sse", "avx-512", " avx2"}) {
    EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)instruction_set_limit(wrong); }),
                testing::AllOf(HasSubstr("SCALELAW_MAX_ISA"), HasSubstr("baseline, avx2, avx512, amx")));
  }
}

TEST(InstructionSetLimit, EverySetHoldsThoseBeforeIt) {
  EXPECT_TRUE(may_use(InstructionSet::baseline));
  EXPECT_LE(may_use(InstructionSet::amx), may_use(InstructionSet::avx512));
  EXPECT_LE(may_use(InstructionSet::avx512), may_use(InstructionSet::avx2));
  EXPECT_EQ(cpu_has_amx_bf16(), may_use(InstructionSet::amx));
}

/// Run with SCALELAW_MAX_ISA set (scripts/test.sh --all does), it keeps every kernel above that out.
TEST(InstructionSetLimit, IsKept) {
  const InstructionSet limit = instruction_set_limit(std::getenv("SCALELAW_MAX_ISA"));
  for (const InstructionSet set :
       {InstructionSet::baseline, InstructionSet::avx2, InstructionSet::avx512, InstructionSet::amx}) {
    EXPECT_FALSE(set > limit && may_use(set)) << names_of(set).at(static_cast<std::size_t>(set));
  }
}

/// A thread of its own, so that the others keep theirs.
TEST(UsableCores, AreThoseThatTheAffinityAllows) {
  EXPECT_GE(usable_cores(), 1);
  std::int64_t cores = 0;
  std::thread([&] {
    cpu_set_t allowed, one;
    CPU_ZERO(&allowed);
    CPU_ZERO(&one);
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    std::size_t first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    CPU_SET(first, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    cores = usable_cores();
  }).join();
  EXPECT_EQ(cores, 1);
}

}  // namespace
}  // namespace scalelaw
