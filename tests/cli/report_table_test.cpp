// The report and its tables from a table of runs, without records; the tables of a study.
#include <gmock/gmock.h>

#include <fstream>

#include "core/csv.hpp"
#include "core/json.hpp"
#include "program.hpp"
#include "report/tables.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class ReportOfATable : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy_file(fs::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/quick_points.csv", folder_ / "points.csv");
  }
  ProgramResult scalelaw(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  TempFolder folder_;
};

TEST_F(ReportOfATable, HasTheAnswerEveryFigureAndEveryTable) {
  const ProgramResult report = scalelaw("report points.csv --json -");
  ASSERT_EQ(report.code, 0) << report.err;
  const fs::path out = folder_ / "points-report";
  const std::string html = read_text_file(out / "report.html");
  EXPECT_THAT(html, AllOf(HasSubstr("<title>points.csv (observations)</title>"),
                          HasSubstr("because the points reject chinchilla"), HasSubstr("29 points of points.csv"),
                          HasSubstr("<code>scalelaw report points.csv</code>"), HasSubstr("id=\"budgets\"")));
  for (const char* id : {"answer", "isoflop", "allocation", "loss", "surface", "residuals", "cloud", "comparison"}) {
    EXPECT_THAT(html, HasSubstr(fmt::format("id=\"plot_{}\"", id)));
  }
  for (const char* text : {"it does not say how long", "0 runs", "no records"}) EXPECT_THAT(html, Not(HasSubstr(text)));
  for (const char* file : {"records.csv", "fits/parametric.json", "fits/isoflop.json", "allocation.json"}) {
    EXPECT_TRUE(fs::exists(out / file)) << file;
  }
}

TEST_F(ReportOfATable, AnswersAsFitDoes) {
  ASSERT_EQ(scalelaw("report points.csv --out r").code, 0);
  const ProgramResult fit = scalelaw("fit points.csv --laws all --json -");
  const Json own = Json::parse(fit.out), report = read_json_file(folder_ / "r/fits/parametric.json");
  EXPECT_EQ(own.at("law"), "outer");
  for (const char* key : {"law", "params", "objective", "bootstrap"}) EXPECT_EQ(own.at(key), report.at(key)) << key;
  const Json two = Json::parse(scalelaw("fit points.csv --method isoflop --json -").out);
  EXPECT_EQ(two.at("params"), read_json_file(folder_ / "r/fits/isoflop.json").at("params"));
}

TEST_F(ReportOfATable, PrintsEveryTable) {
  // every format of every kind: tests/report/tables_test.cpp
  for (const auto& [kind, format] : {std::pair(TableKind::fits, TableFormat::latex),
                                     {TableKind::allocation, TableFormat::csv},
                                     {TableKind::choice, TableFormat::latex},
                                     {TableKind::points, TableFormat::csv},
                                     {TableKind::checklist, TableFormat::markdown}}) {
    const ProgramResult table = scalelaw(fmt::format("table points.csv --kind {} --format {}", kind, format));
    EXPECT_EQ(table.code, 0) << table.err;
    EXPECT_GE(std::ranges::count(table.out, '\n'), 4) << table.out;
  }
  const Json rows = scalelaw("table points.csv --kind choice --json -").json().at("rows");
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows.at(0).at("law"), "chinchilla");
  EXPECT_EQ(rows.at(0).at("verdict"), "rejected");
  EXPECT_NEAR(rows.at(1).at("rms").get<double>(), 0.0022, 0.0002);
}

TEST_F(ReportOfATable, RefusesToWriteOverAStudyAndToPoolCounts) {
  fs::create_directories(folder_ / "study");
  std::ofstream(folder_ / "study/study.toml") << "name = \"s\"\n";
  scalelaw("report points.csv --out study").expect_error(2, "is the folder of a study");
  std::ofstream(folder_ / "two.csv") << "params,tokens,loss,convention\n1e6,1e8,3,total\n1e6,1e8,3,non_embedding\n";
  scalelaw("report two.csv").expect_error(3, "several ways");
  scalelaw("table absent").expect_error(3, "absent");
}

TEST_F(ReportOfATable, ReadsOtherNamesOfColumns) {
  std::string text = read_text_file(folder_ / "points.csv");
  text.replace(text.find("params"), 6, "size");
  std::ofstream(folder_ / "renamed.csv") << text;
  const std::string own = scalelaw("table points.csv --format csv").out;
  EXPECT_EQ(scalelaw("table renamed.csv --format csv --columns params=size").out, own);
  EXPECT_THAT(own, HasSubstr("method,law,constant,value,value_low,value_high,status"));
}

}  // namespace
}  // namespace scalelaw
