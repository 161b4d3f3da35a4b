#include "corpus/sampler.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "os/error.hpp"

namespace scalelaw {
namespace {

TEST(PermutedIndex, IsABijectionOfEverySize) {
  for (const std::uint64_t size : {1U, 2U, 3U, 4U, 5U, 16U, 17U, 63U, 64U, 65U, 1000U, 4097U}) {
    for (const std::uint64_t key : {0U, 1U, 12345U}) {
      std::vector<int> seen(size, 0);
      for (std::uint64_t i = 0; i < size; ++i) {
        const std::uint64_t j = permuted_index(i, size, key);
        ASSERT_LT(j, size);
        ++seen[j];
      }
      for (const int count : seen) ASSERT_EQ(count, 1) << "size " << size << " key " << key;
    }
  }
}

TEST(PermutedIndex, SpreadsNeighboursEvenly) {
  // Over many keys each place should receive index 0 about equally often: chi-square with 15 degrees of freedom, whose
  // 99.99 % quantile is 44.3.
  constexpr int kSize = 16, kKeys = 16000;
  for (const std::uint64_t index : {0U, 1U, 15U}) {
    std::vector<double> counts(kSize, 0);
    for (std::uint64_t key = 0; key < kKeys; ++key) ++counts[permuted_index(index, kSize, key * 0x9E3779B97F4A7C15ULL)];
    double chi = 0;
    for (const double n : counts) chi += (n - kKeys / kSize) * (n - kKeys / kSize) / (kKeys / kSize);
    EXPECT_LT(chi, 44.3);
  }
}

TEST(WindowSampler, EveryEpochCoversEveryWindowOnceInAnOrderOfItsOwn) {
  const WindowSampler sampler = make_sampler(64 * 37 + 1, 0, 64, 5);
  ASSERT_EQ(sampler.windows, 37);
  std::vector<std::vector<std::int64_t>> epochs(3);
  for (std::int64_t draw = 0; draw < 3 * 37; ++draw)
    epochs[static_cast<std::size_t>(draw / 37)].push_back(sampler.start(draw));
  for (const auto& starts : epochs) {
    const std::set<std::int64_t> unique(starts.begin(), starts.end());
    EXPECT_EQ(unique.size(), 37U);
    EXPECT_EQ(*unique.begin(), 0);
    EXPECT_EQ(*unique.rbegin(), 36 * 64);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
}

TEST(WindowSampler, IsAPureFunctionOfSeedAndDraw) {
  const WindowSampler a = make_sampler(100000, 0, 64, 1), b = make_sampler(100000, 0, 64, 1),
                      c = make_sampler(100000, 0, 64, 2);
  int same = 0;
  for (std::int64_t draw = 0; draw < 100; ++draw) {
    EXPECT_EQ(a.start(draw), b.start(draw));
    same += a.start(draw) == c.start(draw) ? 1 : 0;
  }
  EXPECT_LT(same, 5);
}

TEST(WindowSampler, UniqueTokensLimitsTheWindows) {
  const WindowSampler sampler = make_sampler(100000, 640, 64, 1);
  EXPECT_EQ(sampler.windows, 10);
  for (std::int64_t draw = 0; draw < 50; ++draw) EXPECT_LT(sampler.start(draw), 640);
  EXPECT_EQ(make_sampler(100000, 1, 64, 1).windows, 1);
  EXPECT_EQ(make_sampler(1000, 1000000, 64, 1).windows, 999 / 64);
}

TEST(WindowSampler, NeedsOneWindow) {
  EXPECT_EQ(make_sampler(65, 0, 64, 1).windows, 1);
  EXPECT_THROW((void)make_sampler(64, 0, 64, 1), Error);
}

}  // namespace
}  // namespace scalelaw
