#include "core/config_file.hpp"

#include <gmock/gmock.h>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

struct Table {
  double rate = 1;
  std::int64_t steps = 10;
  std::vector<double> list;
  std::string name;
};
template <class Visit, FieldsOf<Table> T>
void fields(Visit&& visit, T& t) {
  visit("rate", t.rate, positive(), "rate");
  visit("steps", t.steps, at_least(1), "steps");
  visit("list", t.list, positive(), "list");
  visit("name", t.name, any(), "name");
}
struct Config {
  Table table;
  Table other;
};
template <class Visit, FieldsOf<Config> T>
void fields(Visit&& visit, T& c) {
  visit("table", c.table, any(), "table");
  visit("other", c.other, any(), "other");
}

class ConfigFile : public testing::Test {
 protected:
  [[nodiscard]] std::string file(const std::string& text) const {
    write_file_atomic(folder_ / "study.toml", text);
    return (folder_ / "study.toml").string();
  }
  [[nodiscard]] Config read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    const ConfigText config = read_config(file(text), overrides);
    Config out;
    read_fields(config.values, out, config.source);
    return out;
  }
  [[nodiscard]] std::string error(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    return error_of(ExitCode::usage, [&] { (void)read(text, overrides); });
  }
  TempFolder folder_;
};

TEST_F(ConfigFile, AWordWithoutQuotesIsToldToWearThem) {
  const std::string path = (folder_ / "study.toml").string();
  EXPECT_EQ(error("[table]\nname = isoflop\n"),
            path + ":2: not valid TOML; a text needs quotes around it: \"isoflop\"");
  EXPECT_THAT(error("[table]\nname = my study  # mine\n"), HasSubstr(":2: not valid TOML; a text needs quotes around "
                                                                     "it: \"my study\""));
  EXPECT_THAT(error("[table]\nrate = 1\nname = data/mine\n"), HasSubstr(":3: not valid TOML; a text needs quotes"));
  EXPECT_THAT(error("[table]\nname = ./mine\n"), HasSubstr("\"./mine\""));
  EXPECT_THAT(error("[table]\nlist = [1, isoflop]\n"), HasSubstr("\"isoflop\""));
  EXPECT_THAT(error("[table]\nrate = .5\n"), HasSubstr("write 0.5 instead of .5"));
  EXPECT_THAT(error("[table]\nrate = = 2\n"), HasSubstr(":2: not valid TOML: "));
  EXPECT_EQ(read("[table]\nname = 'isoflop'  # = isoflop, [a, b]\n").table.name, "isoflop");
}

/// Any word in place of a string gets the same advice, with its line.
TEST_F(ConfigFile, AnyWordWithoutQuotesIsToldToWearThem) {
  Rng rng = make_rng(5, "bare words");
  for (int trial = 0; trial < 100; ++trial) {
    std::string word(1 + uniform_below(rng, 12), 'a');
    for (char& c : word) c = static_cast<char>('a' + uniform_below(rng, 26));
    if (word == "inf" || word == "nan" || word == "true" || word == "false") continue;
    const std::uint64_t before = uniform_below(rng, 5);
    const std::string text = "[table]\n" + std::string(before, '\n') + "name = " + word + "\nsteps = 3\n";
    EXPECT_THAT(error(text), HasSubstr(fmt::format("study.toml:{}: not valid TOML; a text needs quotes around it: "
                                                   "\"{}\"",
                                                   before + 2, word)));
  }
}

TEST_F(ConfigFile, ReadsTomlIntoStructs) {
  const Config c =
      read("# comment\n[table]\nrate = 2.5\nsteps = 1_000\nlist = [1, 2.5]\nname = \"x\"\n[other]\nsteps = 2e3\n");
  EXPECT_EQ(c.table.rate, 2.5);
  EXPECT_EQ(c.table.steps, 1000);
  EXPECT_EQ(c.table.list, (std::vector<double>{1, 2.5}));
  EXPECT_EQ(c.table.name, "x");
  EXPECT_EQ(c.other.steps, 2000);
  EXPECT_EQ(c.other.rate, 1);
}

TEST_F(ConfigFile, ErrorsNameFileAndLine) {
  EXPECT_THAT(error("[table]\n\nrate = -1\n"), HasSubstr("study.toml:3: key 'table.rate' is -1; allowed: > 0"));
  EXPECT_THAT(error("[table]\nsteps = 1\nstep = 2\n"),
              HasSubstr("study.toml:3: key 'table.step' is not known; did you mean 'steps'"));
  EXPECT_THAT(error("\n[tabel]\nrate = 1\n"),
              HasSubstr("study.toml:2: key 'tabel' is not known; did you mean 'table'"));
  EXPECT_THAT(error("[table]\nlist = [1,\n 2,\n -3]\n"), HasSubstr("study.toml:4: key 'table.list[2]'"));
  EXPECT_THAT(error("[table]\nrate = 'x'\n"), HasSubstr("study.toml:2: key 'table.rate' must be a number"));
}

TEST_F(ConfigFile, SyntaxErrorsNameFileAndLine) {
  EXPECT_THAT(error("[table]\nrate = 1\nsteps = = 2\n"),
              testing::AllOf(HasSubstr("study.toml:3"), HasSubstr("not valid TOML")));
  EXPECT_THAT(error("[table]\nrate = 1\nrate = 2\n"), HasSubstr("study.toml:3"));
}

TEST_F(ConfigFile, MissingFileAndDatesAreErrors) {
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)read_config(folder_ / "none.toml"); }), HasSubstr("none.toml"));
  error_of(ExitCode::usage, [&] { (void)read_config(folder_.path()); });
  EXPECT_THAT(error("[table]\nname = 2020-01-01\n"), testing::AllOf(HasSubstr("study.toml:2"), HasSubstr("date")));
}

TEST_F(ConfigFile, OverridesWinOverTheFile) {
  const Config c = read("[table]\nrate = 2\nname = \"a\"\n", {"table.rate=3", "table.name=plain text",
                                                              "other.list=[1, 2]", "table.steps=4", "table.steps=5"});
  EXPECT_EQ(c.table.rate, 3);
  EXPECT_EQ(c.table.name, "plain text");
  EXPECT_EQ(c.other.list, (std::vector<double>{1, 2}));
  EXPECT_EQ(c.table.steps, 5) << "the last one wins";
}

TEST_F(ConfigFile, OverrideErrorsNameTheOption) {
  EXPECT_THAT(error("", {"table.rate=-1"}), HasSubstr("--set table.rate=-1: key 'table.rate' is -1"));
  EXPECT_THAT(error("", {"table.raet=1"}), HasSubstr("did you mean 'rate'"));
  EXPECT_THAT(error("", {"table.rate"}), HasSubstr("table.key=value"));
  EXPECT_THAT(error("", {"=1"}), HasSubstr("table.key=value"));
  EXPECT_THAT(error("", {"a b=1"}), HasSubstr("--set a b=1"));
}

TEST_F(ConfigFile, TomlTextReadsBackToTheSameValues) {
  const Json value =
      Json::parse(R"({"top": 1, "table": {"x": 0.1, "whole": 2.0, "big": 1e22, "text": "a\"b\n", "flag": true,
      "list": [1, 2.5], "none": null, "deep": {"y": -3}}, "rows": [{"a": 1}, {"a": 2, "b": [true]}], "empty": {}})");
  const ConfigText again = read_config(file(to_toml(value)));
  Json expected = value;
  expected["table"].erase("none");
  EXPECT_EQ(again.values, expected) << to_toml(value);
  EXPECT_TRUE(again.values["table"]["whole"].is_number_float());
}

}  // namespace
}  // namespace scalelaw
