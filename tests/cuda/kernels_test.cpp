// The real kernel source on the host: plain, under the address and undefined-behaviour sanitizers, and under the thread
// sanitizer; and copies of it with bugs, which show that each of these builds can fail.
#include "cuda/kernels.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "emulator/machine.hpp"
#include "emulator/sanitizers.hpp"

namespace scalelaw::cuda {
namespace {

using testing::IsEmpty;

constexpr bool kThread = emulator::sanitizers::kThread;
#ifdef __SANITIZE_ADDRESS__
constexpr bool kAddress = true;
#else
constexpr bool kAddress = false;
#endif
constexpr Extent kExtent = kThread ? Extent::few_blocks : Extent::all;

/// Under the schedule of this seed; an error of the emulator counts as a wrong result.
std::vector<std::string> wrong_under(const Kernels& kernels, unsigned seed) {
  emulator::set_schedule(seed);
  try {
    return wrong_results(kernels, kHostMemory, kExtent);
  } catch (const std::runtime_error& e) {
    return {e.what()};
  }
}

TEST(Kernels, AgreeWithPlainLoopsUnderEverySchedule) {
  for (const unsigned seed : {0U, 1U, 2U}) EXPECT_THAT(wrong_under(kKernels, seed), IsEmpty()) << "schedule " << seed;
}

class PlantedBug : public testing::TestWithParam<Kernels> {};

TEST_P(PlantedBug, IsFound) {
  const Kernels& planted = GetParam();
  constexpr unsigned kSeeds = 4;
  const auto look = [&] {
    bool found = false;
    for (unsigned seed = 0; seed < kSeeds && !found; ++seed) found = !wrong_under(planted, seed).empty();
    return found;
  };
  // a fork of the many threads that fibers are to the thread sanitizer would be watched no more
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (kAddress) {  // the sanitizer ends the program
    EXPECT_DEATH(look(), "AddressSanitizer|runtime error");
  } else if (kThread) {
    EXPECT_DEATH(look(), "ThreadSanitizer: data race");
  } else {
    EXPECT_TRUE(look());
  }
}
INSTANTIATE_TEST_SUITE_P(Source, PlantedBug, testing::ValuesIn(planted_bugs()),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(Emulator, NamesTheBlockTheThreadAndTheLineOfABarrierThatNotAllReach) {
  const auto body = [] {
    if (emulator::thread_index().x < 40) emulator::block_barrier(77);
  };
  try {
    emulator::run(emulator::Extent3(1), emulator::Extent3(64), body);
    FAIL() << "nothing was found";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("barrier divergence in block (0,0,0)"));
    EXPECT_THAT(e.what(), testing::HasSubstr("thread 0.. at __syncthreads line 77; thread 40.. ended"));
  }
}

TEST(Emulator, RefusesWhatADeviceWouldNotLaunch) {
  const auto nothing = [] {};
  EXPECT_NE(emulator::run(emulator::Extent3(0), emulator::Extent3(32), nothing), nullptr);
  EXPECT_NE(emulator::run(emulator::Extent3(1, 70000), emulator::Extent3(32), nothing), nullptr);
  EXPECT_NE(emulator::run(emulator::Extent3(1), emulator::Extent3(2048), nothing), nullptr);
  EXPECT_EQ(emulator::run(emulator::Extent3(2, 2), emulator::Extent3(32), nothing), nullptr);
}

}  // namespace
}  // namespace scalelaw::cuda

/// Read by the thread sanitizer: a race ends the program, so that a test can expect it. Called before it is set up.
extern "C" const char* __tsan_default_options();
extern "C" __attribute__((no_sanitize("thread"))) const char* __tsan_default_options() {
  return "halt_on_error=1:report_thread_leaks=0";
}
