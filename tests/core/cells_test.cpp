#include "core/cells.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "core/format.hpp"
#include "core/rng.hpp"

namespace scalelaw {
namespace {

TEST(Cells, NumbersAsPeopleWriteThem) {
  const auto point = [](const char* text) { return parse_number(text, {.suffix = true}); };
  EXPECT_EQ(point("70M"), 70e6);
  EXPECT_EQ(point("1.41B"), 1.41e9) << "to the nearest double, not 1.41 * 1e9";
  EXPECT_EQ(point(" 1.4 T "), 1.4e12);
  EXPECT_EQ(point("20k"), 20e3);
  EXPECT_EQ(point("3 billion"), 3e9);
  EXPECT_EQ(point("1e9"), 1e9);
  EXPECT_EQ(point("+1E+9"), 1e9);
  EXPECT_EQ(point("117,933,375"), 117933375.0);
  EXPECT_EQ(point("1,234.5"), 1234.5);
  EXPECT_EQ(point("20_000_000"), 20e6);
  EXPECT_EQ(point("117'933'375"), 117933375.0);
  EXPECT_EQ(point("117 933 375"), 117933375.0);
  EXPECT_EQ(point("117\xC2\xA0"
                  "933"),
            117933.0)
      << "no-break space";
  EXPECT_EQ(point("1.2x10^18"), 1.2e18);
  EXPECT_EQ(point("1.2 \xC3\x97 10^18"), 1.2e18);
  EXPECT_EQ(point("10^9"), 1e9);
  for (const char* bad : {"abc", "12,34", "1.2.3", "1,23,456", "7q", "M", "", "1 2", "--3", "3 nats"}) {
    EXPECT_FALSE(point(bad)) << bad;
  }
  EXPECT_FALSE(parse_number("3k", {})) << "a loss has no suffix";
  EXPECT_EQ(parse_number("3,5512", {.decimal_comma = true}), 3.5512);
  EXPECT_EQ(parse_number("1.234,5", {.decimal_comma = true}), 1234.5);
  EXPECT_EQ(parse_number("117.933.375", {.decimal_comma = true}), 117933375.0);
  EXPECT_FALSE(parse_number("0.001", {.decimal_comma = true}));
  EXPECT_EQ(parse_number("117.933", {.exponent = 6}), 117.933e6);
  EXPECT_EQ(parse_number("70M", {.suffix = true, .exponent = 9}), 70e6) << "its own unit wins";
}

TEST(Cells, WhichMarkIsDecimal) {
  EXPECT_EQ(mark_evidence("1,234", false), MarkEvidence::comma_or_group);
  EXPECT_EQ(mark_evidence("1,234", true), MarkEvidence::comma) << "no loss reaches a thousand";
  EXPECT_EQ(mark_evidence("1,2345", false), MarkEvidence::comma);
  EXPECT_EQ(mark_evidence("0,234", false), MarkEvidence::comma);
  EXPECT_EQ(mark_evidence("1,234,567", false), MarkEvidence::point);
  EXPECT_EQ(mark_evidence("1,234.5", false), MarkEvidence::point);
  EXPECT_EQ(mark_evidence("1.234,5", false), MarkEvidence::comma);
  EXPECT_EQ(mark_evidence("1.234.567", false), MarkEvidence::comma);
  EXPECT_EQ(mark_evidence("1.234", false), MarkEvidence::point_likely);
  EXPECT_EQ(mark_evidence("1.2345", false), MarkEvidence::point);
  EXPECT_EQ(mark_evidence("1234", false), MarkEvidence::none);
  EXPECT_EQ(mark_evidence("a,b", false), MarkEvidence::none);
}

TEST(Cells, MissingIsNotGarbage) {
  for (const char* text : {"", " ", "nan", "NaN", "None", "null", "N/A", "inf", "-Infinity", "diverged", "crashed"}) {
    EXPECT_TRUE(is_missing(text)) << text;
  }
  for (const char* text : {"abc", "0", "-1", "three"}) EXPECT_FALSE(is_missing(text)) << text;
}

TEST(Cells, CountsArePrintedAndTakenAlike) {
  EXPECT_EQ(parse_count("70B"), 70e9);
  EXPECT_EQ(parse_count("1.4e12"), 1.4e12);
  EXPECT_FALSE(parse_count("many"));
  Rng rng = make_rng(5, "counts", 0);
  for (int i = 0; i < 2000; ++i) {  // what short_count prints reads back to its three digits
    const double x = std::pow(10.0, 15 * uniform01(rng));
    EXPECT_NEAR(parse_count(short_count(x)).value_or(0) / x, 1, 5.1e-3) << short_count(x);
    EXPECT_EQ(parse_number(exact_number(x), {}), x);
  }
}

}  // namespace
}  // namespace scalelaw
