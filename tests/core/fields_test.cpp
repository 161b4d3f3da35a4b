#include "core/fields.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <optional>

#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

struct Part {
  std::int64_t count = 3;
  std::vector<double> rates = {0.5};
};
template <class Visit, FieldsOf<Part> T>
void fields(Visit&& visit, T& p) {
  visit("count", p.count, between(1, 10), "how many");
  visit("rates", p.rates, positive(), "rates");
}

struct Whole {
  bool flag = false;
  double share = 0.25;
  std::string kind = "linear";
  std::optional<double> limit;
  std::map<std::string, double> constants;
  Part part;
  std::vector<Part> parts;
  std::vector<std::string> names;
};
template <class Visit, FieldsOf<Whole> T>
void fields(Visit&& visit, T& w) {
  visit("flag", w.flag, any(), "a flag");
  visit("share", w.share, Rule{.low = 0, .high = 1, .high_open = true}, "a share");
  visit("kind", w.kind, one_of({"linear", "cosine"}), "a kind");
  visit("limit", w.limit, at_least(0), "a limit");
  visit("constants", w.constants, any(), "constants");
  visit("part", w.part, any(), "a part");
  visit("parts", w.parts, any(), "parts");
  visit("names", w.names, any(), "names");
}

struct Pair {
  double low = 0, high = 0;
};
template <FieldsOf<Pair> T>
auto as_list(T& p) {
  return std::tie(p.low, p.high);
}

struct Results {
  std::optional<Part> part;
  std::map<std::string, Pair> intervals;
  std::vector<std::vector<double>> rows;
  std::int64_t count = 0;
};
template <class Visit, FieldsOf<Results> T>
void fields(Visit&& visit, T& r) {
  visit("part", r.part, unless_empty(any()), "a part that may not be there");
  visit("intervals", r.intervals, unless_empty(any()), "pairs by name");
  visit("rows", r.rows, any(), "rows of numbers");
  visit("count", r.count, unless_empty(later(any())), "a number, which is never empty");
}

enum class Side { heads, tails };
constexpr std::array<std::string_view, 2> names_of(Side) { return {"heads", "tails"}; }
struct Counted {
  std::optional<Side> by, perhaps;
};
template <class Visit, FieldsOf<Counted> T>
void fields(Visit&& visit, T& c) {
  visit("by", c.by, named_or_empty<Side>(), "a side, or none");
  visit("perhaps", c.perhaps, named<Side>(), "the same, null where there is none");
}

Whole read(const char* text, Source source = {.name = "file.toml", .origin = {}}) {
  Whole whole;
  read_fields(Json::parse(text), whole, source);
  return whole;
}
std::string error(const char* text, Source source = {.name = "file.toml", .origin = {}}) {
  return error_of(source.code, [&] { (void)read(text, source); });
}

TEST(ReadFields, SetsWhatIsNamedAndKeepsTheRest) {
  const Whole w = read(R"({"share": 0.5, "part": {"count": 7}, "constants": {"A": 2, "B": 0.5}, "names": ["x", "y"]})");
  EXPECT_EQ(w.share, 0.5);
  EXPECT_EQ(w.part.count, 7);
  EXPECT_EQ(w.part.rates, std::vector<double>{0.5});
  EXPECT_EQ(w.kind, "linear");
  EXPECT_EQ(w.constants, (std::map<std::string, double>{{"A", 2}, {"B", 0.5}}));
  EXPECT_EQ(w.names, (std::vector<std::string>{"x", "y"}));
  EXPECT_FALSE(w.limit.has_value());
}

TEST(ReadFields, WritesBackWhatItReads) {
  Whole w =
      read(R"({"flag": true, "limit": 1e-300, "parts": [{"count": 1}, {"rates": [0.1, 0.3]}], "kind": "cosine"})");
  const Json json = to_json_fields(w);
  Whole again;
  read_fields(json, again, Source{});
  EXPECT_EQ(to_json_fields(again), json);
  EXPECT_EQ(again.parts.size(), 2U);
  EXPECT_EQ(again.parts[1].rates, (std::vector<double>{0.1, 0.3}));
  EXPECT_EQ(again.limit, 1e-300);
  EXPECT_EQ(json.size(), 8U) << "every field is written";
}

TEST(ReadFields, WritesNonFiniteNumbersAsNull) {
  Whole w;
  w.share = std::nan("");
  w.constants["A"] = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(to_json_fields(w)["share"].is_null());
  EXPECT_TRUE(to_json_fields(w)["constants"]["A"].is_null());
}

TEST(ReadFields, NullClearsAnOptional) {
  Whole w;
  w.limit = 3;
  read_fields(Json{{"limit", nullptr}}, w, Source{});
  EXPECT_FALSE(w.limit.has_value());
}

TEST(ReadFields, TakesWholeNumbersInFloatingForm) {
  EXPECT_EQ(read(R"({"part": {"count": 1e1}})").part.count, 10);
  EXPECT_THAT(error(R"({"part": {"count": 2.5}})"), HasSubstr("part.count"));
  EXPECT_THAT(error(R"({"part": {"count": 1e300}})"), HasSubstr("whole number"));
}

TEST(ReadFields, UnknownKeyNamesTheOneMeant) {
  EXPECT_THAT(error(R"({"part": {"cuont": 1}})"),
              testing::AllOf(HasSubstr("'part.cuont'"), HasSubstr("did you mean 'count'")));
  const std::string far = error(R"({"zzzzzzzz": 1})");
  EXPECT_THAT(far, testing::AllOf(Not(HasSubstr("did you mean")), HasSubstr("share"), HasSubstr("names")));
}

TEST(ReadFields, WrongTypesNameKeyAndTypeWanted) {
  EXPECT_THAT(error(R"({"flag": 1})"), testing::AllOf(HasSubstr("'flag'"), HasSubstr("true or false")));
  EXPECT_THAT(error(R"({"share": "x"})"), HasSubstr("a number"));
  EXPECT_THAT(error(R"({"kind": 4})"), HasSubstr("a string"));
  EXPECT_THAT(error(R"({"part": 4})"), HasSubstr("a table"));
  EXPECT_THAT(error(R"({"names": "x"})"), HasSubstr("an array"));
  EXPECT_THAT(error(R"({"constants": 1})"), HasSubstr("a table of numbers"));
  EXPECT_THAT(error(R"({"constants": {"A": "x"}})"), HasSubstr("constants.A"));
  EXPECT_THAT(error(R"({"parts": [{}, {"count": 0}]})"), HasSubstr("parts[1].count"));
}

TEST(ReadFields, RangesIncludeOrExcludeTheirEnds) {
  EXPECT_EQ(read(R"({"share": 0})").share, 0);
  EXPECT_THAT(error(R"({"share": 1})"), testing::AllOf(HasSubstr("'share' is 1"), HasSubstr("0 .. below 1")));
  EXPECT_EQ(read(R"({"part": {"count": 10}})").part.count, 10);
  EXPECT_THAT(error(R"({"part": {"count": 11}})"), HasSubstr("1 .. 10"));
  EXPECT_THAT(error(R"({"part": {"rates": [1, 0]}})"), testing::AllOf(HasSubstr("part.rates[1]"), HasSubstr("> 0")));
  EXPECT_THAT(error(R"({"limit": -1})"), HasSubstr(">= 0"));
}

TEST(ReadFields, NanIsNeverInRange) {
  Whole w;
  Json value = {{"share", 0.5}};
  value["share"] = std::nan("");
  error_of(ExitCode::usage, [&] { read_fields(value, w, Source{}); });
}

TEST(ReadFields, WrongChoiceNamesTheChoices) {
  EXPECT_THAT(error(R"({"kind": "cosin"})"),
              testing::AllOf(HasSubstr("linear | cosine"), HasSubstr("did you mean \"cosine\"")));
}

TEST(ReadFields, ErrorCarriesPlaceAndExitCodeOfTheSource) {
  const Source source{
      .name = "a.toml", .origin = {{"part", "a.toml:4"}, {"part.count", "a.toml:5"}}, .code = ExitCode::data};
  EXPECT_THAT(error(R"({"part": {"count": 0}})", source), testing::StartsWith("a.toml:5: "));
  EXPECT_THAT(error(R"({"part": {"x": 0}})", source), testing::StartsWith("a.toml:4: "));
  EXPECT_THAT(error(R"({"share": 7})", source), testing::StartsWith("a.toml: "));
}

TEST(ReadFields, LeavesOutWhatIsEmptyWhereAsked) {
  EXPECT_EQ(to_json_fields(Results{}), Json::parse(R"({"rows": [], "count": 0})"));
  const Results full{.part = Part{}, .intervals = {{"a", {1, 2}}}, .rows = {}, .count = 0};
  EXPECT_EQ(to_json_fields(full).size(), 4U);
}

TEST(ReadFields, ListsTablesAndOptionalsHoldAnything) {
  const Json json = Json::parse(
      R"({"part": {"count": 2, "rates": [0.25]}, "intervals": {"a": [1, 2.5], "b": [0, 3]}, "rows": [[1], [2, 3]],
          "count": 7})");
  Results results;
  read_fields(json, results, Source{});
  EXPECT_EQ(results.part.value().count, 2);
  EXPECT_EQ(results.intervals.at("a").high, 2.5);
  EXPECT_EQ(results.rows, (std::vector<std::vector<double>>{{1}, {2, 3}}));
  EXPECT_EQ(to_json_fields(results), json);
  results.intervals["a"].low = -std::numeric_limits<double>::infinity();
  EXPECT_TRUE(to_json_fields(results)["intervals"]["a"][0].is_null());
  read_fields(Json{{"part", nullptr}}, results, Source{});
  EXPECT_FALSE(results.part.has_value());
}

TEST(ReadFields, AListOfMembersHasItsLengthAndNamesTheMemberThatIsWrong) {
  const auto said = [](const char* text) {
    Results results;
    return error_of(ExitCode::usage,
                    [&] { read_fields(Json::parse(text), results, Source{.name = "x.toml", .origin = {}}); });
  };
  EXPECT_EQ(said(R"({"intervals": {"a": [1]}})"), "x.toml: key 'intervals.a' must be a list of 2, but is [1]");
  EXPECT_THAT(said(R"({"intervals": {"a": 1}})"), HasSubstr("a list of 2"));
  EXPECT_THAT(said(R"({"intervals": {"a": [1, "x"]}})"), HasSubstr("'intervals.a[1]' must be a number"));
  EXPECT_THAT(said(R"({"intervals": [1, 2]})"), HasSubstr("a table"));
  EXPECT_THAT(said(R"({"part": {"cuont": 1}})"), HasSubstr("did you mean 'count'"));
}

TEST(ReadFields, ADistinctListNamesTheItemGivenTwice) {
  const Source source{.name = "x.toml", .origin = {}};
  std::vector<double> rates;
  detail::read_value(Json::array({1, 2.5, 3}), rates, distinct(positive()), "rates", source);
  EXPECT_EQ(rates.size(), 3U);
  EXPECT_EQ(error_of(ExitCode::usage,
                     [&] {
                       detail::read_value(Json::array({1, 2.5, 2.5}), rates, distinct(positive()), "rates", source);
                     }),
            "x.toml: key 'rates[2]' is 2.5, as rates[1] is; list each once");
  std::vector<std::int64_t> seeds;
  EXPECT_THAT(error_of(ExitCode::usage,
                       [&] {
                         detail::read_value(Json::array({0, 7, 0.0}), seeds, distinct(any()), "seeds", source);
                       }),
              HasSubstr("'seeds[2]' is 0, as seeds[0] is"));
}

TEST(ReadFields, AnOptionalNameIsEmptyTextWhereItIsAbsent) {
  Counted counted;
  EXPECT_EQ(to_json_fields(counted), Json::parse(R"({"by": "", "perhaps": null})"));
  const Source source{.name = "x.toml", .origin = {}};
  read_fields(Json::parse(R"({"by": "heads", "perhaps": "tails"})"), counted, source);
  EXPECT_EQ(counted.by, Side::heads);
  EXPECT_EQ(to_json_fields(counted), Json::parse(R"({"by": "heads", "perhaps": "tails"})"));
  read_fields(Json::parse(R"({"by": "", "perhaps": null})"), counted, source);
  EXPECT_FALSE(counted.by || counted.perhaps);
  const auto error_with = [&](const char* text) {
    return error_of(ExitCode::usage, [&] { read_fields(Json::parse(text), counted, source); });
  };
  EXPECT_EQ(error_with(R"({"by": "head"})"),
            "x.toml: key 'by' is \"head\"; allowed: \"\" | heads | tails (did you mean \"heads\"?)");
  EXPECT_EQ(error_with(R"({"by": null})"), "x.toml: key 'by' must be a string, but is null");
  EXPECT_THAT(error_with(R"({"perhaps": ""})"), HasSubstr("allowed: heads | tails"));
}

struct Tossed {
  NumberOr<Side> side = {};
};
template <class Visit, FieldsOf<Tossed> T>
void fields(Visit&& visit, T& t) {
  visit("side", t.side, unless_empty(or_named<Side>(positive())), "a number, or a side");
}

TEST(ReadFields, ANumberOrANameIsWrittenAsTheOneOrTheOther) {
  Tossed tossed;
  EXPECT_EQ(to_json_fields(tossed), Json::object()) << "the first name is the empty value";
  const Source source{.name = "x.toml", .origin = {}};
  for (const char* text : {R"({"side": 1.5})", R"({"side": "tails"})"}) {
    read_fields(Json::parse(text), tossed, source);
    EXPECT_EQ(to_json_fields(tossed), Json::parse(text));
  }
  EXPECT_TRUE(tossed.side.is(Side::tails)) << "no number is left over";
  const auto error_with = [&](const char* text) {
    return error_of(ExitCode::usage, [&] { read_fields(Json::parse(text), tossed, source); });
  };
  EXPECT_EQ(error_with(R"({"side": "tail"})"),
            "x.toml: key 'side' is \"tail\"; allowed: > 0 or heads | tails (did you mean \"tails\"?)");
  EXPECT_EQ(error_with(R"({"side": 0})"), "x.toml: key 'side' is 0; allowed: > 0 or heads | tails");
  EXPECT_EQ(error_with(R"({"side": true})"), "x.toml: key 'side' must be a number or a string, but is true");
}

TEST(Rules, DescribeThemselves) {
  EXPECT_EQ(describe(or_named<Side>(positive())), "> 0 or heads | tails");
  EXPECT_EQ(describe(distinct(positive())), "> 0, each once");
  EXPECT_EQ(describe(distinct(any())), "each once");
  EXPECT_EQ(describe(any()), "");
  EXPECT_EQ(describe(at_least(2)), ">= 2");
  EXPECT_EQ(describe(positive()), "> 0");
  EXPECT_EQ(describe(between(0, 1)), "0 .. 1");
  EXPECT_EQ(describe(Rule{.high = 5, .high_open = true}), "< 5");
  EXPECT_EQ(describe(one_of({"a", "b"})), "a | b");
}

TEST(NearestWord, FindsTyposAndNothingElse) {
  const std::vector<std::string> words = {"d_model", "n_layer", "tokens", "batch_tokens"};
  EXPECT_EQ(nearest_word("d_modle", words), "d_model");
  EXPECT_EQ(nearest_word("token", words), "tokens");
  EXPECT_EQ(nearest_word("bach_token", words), "batch_tokens");
  EXPECT_EQ(nearest_word("completely", words), "");
  EXPECT_EQ(nearest_word("x", {}), "");
}

}  // namespace
}  // namespace scalelaw
