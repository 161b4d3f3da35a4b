#include "core/csv.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

class Csv : public testing::Test {
 protected:
  [[nodiscard]] CsvTable read(const std::string& text) const {
    write_file_atomic(folder_ / "t.csv", text);
    return read_csv(folder_ / "t.csv");
  }
  TempFolder folder_;
};

TEST_F(Csv, ReadsQuotesLineBreaksAndEmptyCells) {
  const CsvTable t = read("a,b,c\n1,\"x, \"\"y\"\"\nz\",\r\n\"\",2,3\n");
  EXPECT_EQ(t.header, (std::vector<std::string>{"a", "b", "c"}));
  ASSERT_EQ(t.rows.size(), 2U);
  EXPECT_EQ(t.rows[0], (std::vector<std::string>{"1", "x, \"y\"\nz", ""}));
  EXPECT_EQ(t.rows[1], (std::vector<std::string>{"", "2", "3"}));
  EXPECT_EQ(t.column("b"), 1U);
  EXPECT_EQ(t.column("d"), CsvTable::npos);
}

TEST_F(Csv, TakesByteOrderMarkCarriageReturnsAndNoFinalLineBreak) {
  const CsvTable t = read(
      "\xEF\xBB\xBF"
      "a,b\r\n1,2\r\n3,4");
  EXPECT_EQ(t.header[0], "a");
  ASSERT_EQ(t.rows.size(), 2U);
  EXPECT_EQ(t.rows[1][1], "4");
}

TEST_F(Csv, CellsReadBackAsWritten) {
  const std::vector<std::string> cells = {"plain", "a,b",      "say \"hi\"", "two\nlines", "cr\rhere",
                                          "",      " spaces ", "\"",         "ü,\"\n"};
  std::string text = "h0,h1,h2,h3,h4,h5,h6,h7,h8\n";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) text += ',';
    text += csv_cell(cells[i]);
  }
  const CsvTable t = read(text + "\n");
  ASSERT_EQ(t.rows.size(), 1U);
  EXPECT_EQ(t.rows[0], cells);
  EXPECT_EQ(csv_cell("plain"), "plain");
}

TEST_F(Csv, RowOfAnotherLengthIsADataErrorThatNamesIt) {
  const std::string message = error_of(ExitCode::data, [&] { (void)read("a,b\n1,2\n3\n"); });
  EXPECT_THAT(message, testing::AllOf(HasSubstr("t.csv"), HasSubstr("row 3 has 1 cells"), HasSubstr("header has 2")));
}

TEST_F(Csv, EmptyOrMissingFileIsADataError) {
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read(""); }), HasSubstr("is empty"));
  error_of(ExitCode::data, [&] { (void)read_csv(folder_ / "none.csv"); });
}

TEST_F(Csv, HeaderWithoutRowsIsAnEmptyTable) { EXPECT_TRUE(read("a,b\n").rows.empty()); }

}  // namespace
}  // namespace scalelaw
