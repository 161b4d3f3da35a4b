#include "core/format.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <regex>

#include "core/error.hpp"
#include "core/rng.hpp"

namespace scalelaw {
namespace {

TEST(ExactNumber, ReadsBackToTheSameDouble) {
  EXPECT_EQ(exact_number(0.1), "0.1");
  EXPECT_EQ(exact_number(1.0 / 3), "0.3333333333333333");
  EXPECT_EQ(exact_number(0), "0");
  Rng rng = make_rng(1, "format-test");
  for (int i = 0; i < 2000; ++i) {
    const double x = std::bit_cast<double>(rng());
    if (!std::isfinite(x)) continue;
    EXPECT_EQ(std::strtod(exact_number(x).c_str(), nullptr), x) << exact_number(x);
  }
}

TEST(ShortCount, GivesThreeDigitsAndASuffix) {
  EXPECT_EQ(short_count(0), "0");
  EXPECT_EQ(short_count(12), "12");
  EXPECT_EQ(short_count(999), "999");
  EXPECT_EQ(short_count(999.6), "1k");
  EXPECT_EQ(short_count(1500), "1.5k");
  EXPECT_EQ(short_count(15360), "15.4k");
  EXPECT_EQ(short_count(999'700), "1M");
  EXPECT_EQ(short_count(23'100'000), "23.1M");
  EXPECT_EQ(short_count(1.7e12), "1.7T");
  EXPECT_EQ(short_count(5.76e23), "5.76e+23");
  EXPECT_EQ(short_count(-2500), "-2.5k");
}

TEST(ShortDuration, ChoosesTheUnit) {
  EXPECT_EQ(short_duration(0.85), "850 ms");
  EXPECT_EQ(short_duration(12.4), "12s");
  EXPECT_EQ(short_duration(59.7), "1m 00s");
  EXPECT_EQ(short_duration(125), "2m 05s");
  EXPECT_EQ(short_duration(3780), "1h 03m");
  EXPECT_EQ(short_duration(100 * 3600.0), "100h 00m");
  EXPECT_EQ(short_duration(std::numeric_limits<double>::infinity()), "unknown");
}

TEST(UtcNow, IsIso8601) {
  EXPECT_TRUE(std::regex_match(utc_now(), std::regex(R"(20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\dZ)")))
      << utc_now();
}

TEST(TextTable, AlignsByCharactersNotBytes) {
  EXPECT_EQ(text_table({"name", "x"}, {{"é", "1"}, {"long name", "1000"}}),
            "name          x\n"
            "---------------\n"
            "é             1\n"
            "long name  1000\n");
}

TEST(TextTable, LeavesNoTrailingSpaceAndTakesNoRows) {
  EXPECT_EQ(text_table({"a", "b"}, {}), "a  b\n----\n");
  EXPECT_EQ(text_table({"a", "b"}, {{"x", ""}}), "a  b\n----\nx\n");
}

TEST(Error, CarriesMessageAndExitCode) {
  try {
    fail_data("{}: row {}", "f.csv", 3);
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "f.csv: row 3");
    EXPECT_EQ(static_cast<int>(e.code()), 3);
  }
  EXPECT_THROW(fail_config("x"), Error);
  EXPECT_THROW(fail_device("x"), Error);
  EXPECT_THROW(SCALELAW_CHECK(1 + 1 == 3, "sum is {}", 2), std::logic_error);
}

}  // namespace
}  // namespace scalelaw
