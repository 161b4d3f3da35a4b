// Rows of a table that belong together, by its own columns.
#include "core/table_rows.hpp"

#include <gmock/gmock.h>

#include "core/error.hpp"

namespace scalelaw {
namespace {

using ::testing::ElementsAre;
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

}  // namespace
}  // namespace scalelaw
