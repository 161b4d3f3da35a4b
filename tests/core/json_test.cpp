#include "core/json.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "core/format.hpp"
#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/error.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

TEST(CanonicalJson, SortsKeysByByteAndWritesNoWhiteSpace) {
  const Json value = Json::parse(R"({"b": [1, {"z": null, "A": true}], "a": "x y", "B": {}, "é": 2, "aa": 1.5})");
  EXPECT_EQ(canonical_json(value), R"({"B":{},"a":"x y","aa":1.5,"b":[1,{"A":true,"z":null}],"é":2})");
}

TEST(CanonicalJson, DoesNotDependOnTheOrderKeysWereSet) {
  Json one = Json::object(), two = Json::object();
  one["x"] = 1;
  one["y"] = 2;
  two["y"] = 2;
  two["x"] = 1;
  EXPECT_EQ(canonical_json(one), canonical_json(two));
}

TEST(CanonicalJson, WritesTheShortestNumberThatReadsBack) {
  EXPECT_EQ(canonical_json(Json(0.1)), "0.1");
  EXPECT_EQ(canonical_json(Json(1e22)), "1e+22");
  EXPECT_EQ(canonical_json(Json(5e-324)), "5e-324");
  EXPECT_EQ(canonical_json(Json(std::numeric_limits<std::int64_t>::max())), "9223372036854775807");
  Rng rng = make_rng(1, "test");
  for (int i = 0; i < 2000; ++i) {
    const double x = std::bit_cast<double>(rng());
    if (!std::isfinite(x)) continue;
    EXPECT_EQ(std::bit_cast<std::uint64_t>(Json::parse(canonical_json(Json(x))).get<double>()),
              std::bit_cast<std::uint64_t>(x))
        << canonical_json(Json(x));
  }
}

TEST(CanonicalJson, EscapesStrings) {
  EXPECT_EQ(canonical_json(Json("a\"b\\c\n\x01")), "\"a\\\"b\\\\c\\n\\u0001\"");
  EXPECT_EQ(canonical_json(Json::object({{"a\"b", 1}})), "{\"a\\\"b\":1}");
}

TEST(CanonicalJson, RefusesNonFiniteNumbers) {
  EXPECT_THROW((void)canonical_json(Json(std::numeric_limits<double>::infinity())), std::logic_error);
  EXPECT_THROW((void)canonical_json(Json::array({std::nan("")})), std::logic_error);
}

TEST(Sha256Hex, GivesThePublishedDigests) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ShortId, IsTheHeadOfTheHashOfTheCanonicalText) {
  const Json value = {{"b", 2}, {"a", 1.0}};
  EXPECT_EQ(short_id(value), sha256_hex(canonical_json(value)).substr(0, 16));
  EXPECT_NE(short_id(value), short_id(Json{{"b", 2}, {"a", 1.5}}));
}

TEST(JsonFiles, RoundTrip) {
  const TempFolder folder;
  const Json value = {{"x", 0.1}, {"list", {1, 2, 3}}, {"none", nullptr}, {"text", "ü"}};
  write_json_file(folder / "v.json", value);
  EXPECT_EQ(read_json_file(folder / "v.json"), value);
}

TEST(JsonFiles, ErrorNamesFileAndByte) {
  const TempFolder folder;
  write_file_atomic(folder / "bad.json", "{\"a\": 1,");
  const std::string error = error_of(ExitCode::data, [&] { (void)read_json_file(folder / "bad.json"); });
  EXPECT_NE(error.find("bad.json"), std::string::npos) << error;
  EXPECT_NE(error.find("byte 9"), std::string::npos) << error;
}

TEST(JsonNumbers, NonFiniteBecomesNullAndReadsAsNan) {
  EXPECT_TRUE(finite_or_null(std::numeric_limits<double>::infinity()).is_null());
  EXPECT_TRUE(finite_or_null(std::nan("")).is_null());
  EXPECT_EQ(finite_or_null(2.5), Json(2.5));
  const Json value = {{"a", 1}, {"b", nullptr}, {"c", "text"}};
  EXPECT_EQ(number_or_nan(value, "a"), 1.0);
  for (const char* key : {"b", "c", "missing"}) EXPECT_TRUE(std::isnan(number_or_nan(value, key))) << key;
}

}  // namespace
}  // namespace scalelaw
