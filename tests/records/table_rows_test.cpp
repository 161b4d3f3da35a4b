// Rows of a table that belong together, by its own columns.
#include "records/table_rows.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "os/error.hpp"

namespace scalelaw {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Table table() {
  return {.name = "runs.csv",
          .header = {"N", "Corpus", "config/model/context", "loss", "precision"},
          .rows = {{"1", "books", "64", "2", "fp32"},
                   {"2", "code", "64", "2", "fp32"},
                   {"3", "books", "128", "2", "fp32"},
                   {"4", "", "64", "2", "fp32"}},
          .lines = {2, 3, 4, 5},
          .dialect = {}};
}

TEST(MixedColumns, NamesThoseOfAPopulationThatHoldSeveralValues) {
  EXPECT_THAT(mixed_columns(table()),
              ElementsAre("Corpus: books (2 rows), code (1 row)", "config/model/context: 128 (1 row), 64 (3 rows)"));
}

TEST(KeepRowsWhere, TakesAnyColumnWholeOrByItsLastPartInAnyCase) {
  Table one = table();
  keep_rows_where(one, {"corpus=Books", "context=64"});
  ASSERT_EQ(one.rows.size(), 1U);
  EXPECT_THAT(one.lines, ElementsAre(2U));
  EXPECT_THAT(mixed_columns(one), IsEmpty());
  Table by_number = table();
  keep_rows_where(by_number, {"n=3"});
  EXPECT_EQ(by_number.lines, std::vector<std::size_t>{4});
  for (const char* bad : {"corpus", "corpus=poems", "corpse=books", "=1"}) {
    Table t = table();
    EXPECT_THROW(keep_rows_where(t, {bad}), Error) << bad;
  }
}

Table of(const std::string& name, const std::string& column, const std::vector<std::string>& cells) {
  Table out{.name = name, .header = {"N", column}, .rows = {}, .lines = {}, .dialect = {}};
  for (const std::string& cell : cells) {
    out.rows.push_back({"1", cell});
    out.lines.push_back(out.lines.size() + 2);
  }
  return out;
}

TEST(MixedColumns, KnowsOtherNamesOfTheSameAndHowValuesAreWritten) {
  for (const char* name : {"arch", "model.arch", "Seq Len", "seq_len", "lr_schedule", "dtype", "config/n_ctx"}) {
    EXPECT_THAT(mixed_columns(of("t", name, {"1", "2"})), ElementsAre(std::string(name) + ": 1 (1 row), 2 (1 row)"));
  }
  EXPECT_THAT(mixed_columns(of("t", "dtype", {"bf16", "BF16 "})), IsEmpty());
  EXPECT_THAT(mixed_columns(of("t", "context", {"2048", "2,048", "2048.0", ""})), IsEmpty());
  EXPECT_THAT(mixed_columns(of("t", "note", {"a", "b"})), IsEmpty());
}

TEST(MixedColumns, ReadsHeadersAndEmptyCellsAsTheReaderOfNumbersDoes) {
  EXPECT_THAT(mixed_columns(of("t", "precision", {"bf16", "None", "N/A", ""})), IsEmpty());
  EXPECT_THAT(mixed_columns(of("t", "config/corpus/value", {"books", "code"})),
              ElementsAre("config/corpus/value: books (1 row), code (1 row)"));
  EXPECT_THAT(mixed_columns(of("t", "dataset", {"1.1", "1.10"})), ElementsAre("dataset: 1.1 (1 row), 1.10 (1 row)"))
      << "versions are names";
}

TEST(MixedColumns, ColumnsOfOneTraitMeetByTheirNames) {
  Table a = of("a.csv", "corpus", {"pile"}), b = of("b.csv", "dataset", {"v1"});
  a.header.emplace_back("dataset"), a.rows[0].emplace_back("v1");
  b.header.emplace_back("corpus"), b.rows[0].emplace_back("pile");
  EXPECT_THAT(mixed_columns(std::vector<Table>{a, b}), IsEmpty());
  b.rows[0].back() = "books";
  EXPECT_THAT(mixed_columns(std::vector<Table>{a, b}),
              ElementsAre("corpus: books (1 row of b.csv), pile (1 row of a.csv)"));
}

TEST(MixedColumns, TablesReadTogetherAreComparedByWhatTheyHoldAndLack) {
  const std::vector<Table> two = {of("a.csv", "corpus", {"books", "books"}), of("b.csv", "Dataset", {"code"})};
  EXPECT_THAT(mixed_columns(two), ElementsAre("corpus: books (2 rows of a.csv), code (1 row of b.csv)"));
  const std::vector<Table> same = {of("a.csv", "corpus", {"books"}), of("b.csv", "data/corpus", {"Books"})};
  EXPECT_THAT(mixed_columns(same), IsEmpty());
  const std::vector<Table> lacking = {of("a.csv", "arch", {"moe", "moe"}), of("b.csv", "note", {"x", "y", "z"})};
  EXPECT_THAT(mixed_columns(lacking), ElementsAre("arch: moe (2 rows of a.csv), not given (3 rows of b.csv)"));
  const std::vector<Table> both = {of("a.csv", "seq_len", {"64", "128"}), of("b.csv", "context", {"64.0"})};
  EXPECT_THAT(mixed_columns(both), ElementsAre("seq_len: 128 (1 row of a.csv), 64 (1 row of a.csv and 1 of b.csv)"));
}

TEST(KeepRowsWhere, ChoosesAmongTheRowsOfAllTables) {
  std::vector<Table> tables = {of("a.csv", "corpus", {"books", "code"}), of("b.csv", "dataset", {"code"}),
                               of("c.csv", "note", {"x"})};
  std::vector<Table> code = tables;
  keep_rows_where(code, {"corpus=code"});
  EXPECT_EQ(code[0].lines, std::vector<std::size_t>{3});
  EXPECT_EQ(code[1].rows.size(), 1U);
  EXPECT_THAT(code[2].rows, IsEmpty());
  EXPECT_THAT(mixed_columns(code), IsEmpty()) << "a table without rows lacks nothing";
  std::vector<Table> none = tables;
  keep_rows_where(none, {"corpus=none"});
  EXPECT_THAT(none[0].rows, IsEmpty());
  EXPECT_EQ(none[2].rows.size(), 1U);
  EXPECT_THAT(error_of(ExitCode::usage, [&] { keep_rows_where(tables, {"corpus=poems"}); }),
              AllOf(HasSubstr("a.csv and b.csv and c.csv"), HasSubstr("books, code, none")));
}

}  // namespace
}  // namespace scalelaw
