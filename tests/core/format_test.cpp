#include "core/format.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cctype>
#include <cmath>
#include <limits>
#include <regex>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/error.hpp"

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
  EXPECT_EQ(short_count(999.4e12), "999T");
  EXPECT_EQ(short_count(5.85e15), "5.85×10¹⁵");
  EXPECT_EQ(short_count(5.76e23), "5.76×10²³");
  EXPECT_EQ(short_count(1e-5), "10⁻⁵");
  EXPECT_EQ(short_count(-2500), "-2.5k");
}

TEST(PowerText, IsTheOneWayToWritePowers) {
  EXPECT_EQ(power_text(1e18), "10¹⁸");
  EXPECT_EQ(power_text(8e10), "8×10¹⁰");
  EXPECT_EQ(power_text(3.142e23, 4), "3.142×10²³");
  EXPECT_EQ(power_text(-1e3), "-10³");
  EXPECT_EQ(power_text(2e2, 1), "2×10²");
}

TEST(FactorText, SaysHowManyTimes) {
  EXPECT_EQ(factor_text(2.104), "2.1");
  EXPECT_EQ(factor_text(31.04), "31");
  EXPECT_EQ(factor_text(1963), "1960");
  EXPECT_EQ(factor_text(123456), "123000");
  EXPECT_EQ(factor_text(2e7), "2×10⁷");
  EXPECT_EQ(factor_text(0), "0");
}

TEST(Counted, IsSingularForOne) {
  EXPECT_EQ(counted(1, "highest loss", "highest losses"), "1 highest loss");
  EXPECT_EQ(counted(2, "highest loss", "highest losses"), "2 highest losses");
  EXPECT_EQ(counted(0, "run"), "0 runs");
}

TEST(ShortBytes, KeepsToThreeOrFourDigits) {
  EXPECT_EQ(short_bytes(0), "0 KiB");
  EXPECT_EQ(short_bytes(65536), "64 KiB");
  EXPECT_EQ(short_bytes(850 * 1048576.0), "850 MiB");
  EXPECT_EQ(short_bytes(1.5 * 1073741824), "1.5 GiB");
  EXPECT_EQ(short_bytes(71.4 * 1099511627776), "71.4 TiB");
}

/// What a person reads of a number is no longer than a word, never has a plain exponent or two suffixes, and is the
/// number: to half of its last digit.
TEST(NumbersForPeople, AreSaneAtEverySize) {
  static const std::regex kSane(R"(-?\d+(\.\d+)?[kMBT]?|-?(\d(\.\d+)?×)?10(⁻|⁰|¹|²|³|⁴|⁵|⁶|⁷|⁸|⁹)+)");
  static const std::regex kTime(R"(\d+ ms|\d+s|\d+m \d\ds|\d+h \d\dm|\d+d \d\dh|.* years)");
  static const std::regex kMemory(R"(\d+(\.\d)? [KMGTPE]iB)");
  const auto value_of = [](std::string text) {
    for (const auto& [suffix, power] : {std::pair{'k', "e3"}, {'M', "e6"}, {'B', "e9"}, {'T', "e12"}}) {
      if (text.back() == suffix) text = text.substr(0, text.size() - 1) + power;
    }
    if (const auto at = text.find("10⁻");
        at == 0 || text.find("×10") != std::string::npos ||
        (text.size() > 2 && text.starts_with("10") && !std::isdigit(text[2]) && text[2] != '.' && text[2] != 'e')) {
      static constexpr std::array<const char*, 10> kDigits = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
      const std::size_t ten = text.find("×10");
      std::string power = ten == std::string::npos ? text.substr(2) : text.substr(ten + std::string("×10").size());
      std::string plain;
      if (power.starts_with("⁻")) {
        plain = "-";
        power.erase(0, std::string("⁻").size());
      }
      while (!power.empty()) {
        for (std::size_t d = 0; d < kDigits.size(); ++d) {
          if (!power.starts_with(kDigits.at(d))) continue;
          plain += std::to_string(d);
          power.erase(0, std::string(kDigits.at(d)).size());
          break;
        }
      }
      text = (ten == std::string::npos ? "1" : text.substr(0, ten)) + "e" + plain;
    }
    return std::strtod(text.c_str(), nullptr);
  };
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Rng rng = make_rng(seed, "numbers for people");
    for (int i = 0; i < 600; ++i) {
      double x = std::pow(10, -3 + 33 * uniform01(rng));
      if (i % 3 == 0) x = std::pow(10, std::floor(std::log10(x)));           // powers of ten
      if (i % 3 == 1) x = std::pow(10, std::floor(std::log10(x))) * 0.9996;  // what rounds up to them
      for (const std::string& text : {short_count(x), factor_text(x), power_text(x)}) {
        EXPECT_TRUE(std::regex_match(text, kSane)) << x << " as " << text;
        EXPECT_NEAR(value_of(text) / x, 1, 5.001e-3) << x << " as " << text;
        EXPECT_FALSE(text.find("e+") != std::string::npos) << text;
      }
      EXPECT_LT(std::strtod(short_count(x).c_str(), nullptr), 1000) << short_count(x);
      const std::string time = short_duration(x), memory = short_bytes(x);
      EXPECT_LE(time.size(), 24U) << time;
      EXPECT_TRUE(std::regex_match(time, kTime)) << time;
      EXPECT_TRUE(std::regex_match(memory, kMemory) || x > 1e21) << memory;
    }
  }
  const double inf = std::numeric_limits<double>::infinity();
  for (const double x : {inf, -inf, std::nan("")}) {
    EXPECT_FALSE(short_count(x).empty());
    EXPECT_FALSE(factor_text(x).empty());
    EXPECT_EQ(short_duration(x), "unknown");
    EXPECT_EQ(short_bytes(x), "unknown");
  }
}

TEST(ShortDuration, ChoosesTheUnit) {
  EXPECT_EQ(short_duration(0.85), "850 ms");
  EXPECT_EQ(short_duration(12.4), "12s");
  EXPECT_EQ(short_duration(59.7), "1m 00s");
  EXPECT_EQ(short_duration(125), "2m 05s");
  EXPECT_EQ(short_duration(3780), "1h 03m");
  EXPECT_EQ(short_duration(0.9997), "1s");
  EXPECT_EQ(short_duration(47 * 3600.0), "47h 00m");
  EXPECT_EQ(short_duration(100 * 3600.0), "4d 04h");
  EXPECT_EQ(short_duration(62916 * 3600.0 + 32 * 60), "7.2 years");
  EXPECT_EQ(short_duration(365 * 86400.0), "365d 00h");
  EXPECT_EQ(short_duration(4e12), "127000 years");
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
  EXPECT_EQ(error_of(ExitCode::data, [] { fail_data("{}: row {}", "f.csv", 3); }), "f.csv: row 3");
  EXPECT_THROW(fail_config("x"), Error);
  EXPECT_THROW(fail_device("x"), Error);
  EXPECT_THROW(SCALELAW_CHECK(1 + 1 == 3, "sum is {}", 2), std::logic_error);
}

}  // namespace
}  // namespace scalelaw
