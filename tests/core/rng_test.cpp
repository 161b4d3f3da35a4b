#include "core/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace scalelaw {
namespace {

TEST(Mix64, IsSplitMix64) {  // first outputs of the published generator from state 0 and 1234567
  EXPECT_EQ(mix64(0), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(mix64(0x9E3779B97F4A7C15ULL), 0x6E789E6AA1B965F4ULL);
  EXPECT_EQ(mix64(1234567), 6457827717110365317ULL);
}

TEST(Rng, IsTheStandardsMersenneTwister) {
  Rng rng;  // [rand.predef]: the 10000th value of a default-constructed mt19937_64
  std::uint64_t value = 0;
  for (int i = 0; i < 10000; ++i) value = rng();
  EXPECT_EQ(value, 9981545732273789042ULL);
}

TEST(StreamSeed, DiffersByEveryArgument) {
  std::set<std::uint64_t> seeds;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (const char* purpose : {"a", "b", "c", "ab", "ba"}) {
      for (std::uint64_t index = 0; index < 20; ++index) seeds.insert(stream_seed(seed, purpose, index));
    }
  }
  EXPECT_EQ(seeds.size(), 20U * 5U * 20U);
}

TEST(Distributions, GiveTheSameNumbersEverywhere) {
  Rng rng = make_rng(42, "fixed");
  const std::vector<double> drawn = {uniform01(rng), standard_normal(rng),
                                     static_cast<double>(uniform_below(rng, 1000))};
  EXPECT_EQ(drawn[0], 0.064185323674837494);
  EXPECT_EQ(drawn[1], 1.3170701085695595);
  EXPECT_EQ(drawn[2], 499);
}

TEST(Uniform01, IsUniformAndBelowOne) {
  Rng rng = make_rng(1, "test");
  double sum = 0, squares = 0;
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    const double u = uniform01(rng);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
  }
  EXPECT_NEAR(sum / n, 0.5, 5 / std::sqrt(12.0 * n));
  EXPECT_NEAR(squares / n, 1.0 / 3, 0.005);
}

TEST(StandardNormal, HasTheRightMoments) {
  Rng rng = make_rng(2, "test");
  double sum = 0, squares = 0, fourths = 0;
  constexpr int n = 200000;
  for (int i = 0; i < n; ++i) {
    const double z = standard_normal(rng);
    sum += z;
    squares += z * z;
    fourths += z * z * z * z;
  }
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 1, 0.02);
  EXPECT_NEAR(fourths / n, 3, 0.15);
}

TEST(UniformBelow, CoversItsRangeEvenly) {
  Rng rng = make_rng(3, "test");
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[uniform_below(rng, 7)];
  for (const int c : counts) EXPECT_NEAR(c, 10000, 500);
  EXPECT_EQ(uniform_below(rng, 1), 0U);
}

}  // namespace
}  // namespace scalelaw
