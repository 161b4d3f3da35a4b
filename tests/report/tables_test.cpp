// Tables of the report as text.
#include "report/tables.hpp"

#include <gmock/gmock.h>

#include "analysis/checklist.hpp"
#include "core/csv.hpp"
#include "os/files.hpp"
#include "report/synthetic.hpp"
#include "report/table_text.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

CsvTable csv_of(const Analysis& analysis, TableKind kind) {
  const std::filesystem::path path = fresh_folder("table") / "t.csv";
  write_file_atomic(path, table_text(report_table(analysis, kind), TableFormat::csv));
  return read_csv(path);
}

TEST(ReportTables, CsvHoldsTheExactNumbersAndTheEndsOfIntervals) {
  const Analysis a = test::toy_analysis();
  const CsvTable table = csv_of(a, TableKind::allocation);
  ASSERT_EQ(table.rows.size(), 1U);
  const auto at = [&](const char* column) { return table.rows[0].at(table.column(column)); };
  EXPECT_EQ(std::stod(at("params")), a.allocations[0].params);
  EXPECT_EQ(std::stod(at("params_low")), a.allocations[0].ci95.at("params").low);
  EXPECT_EQ(std::stod(at("tokens_high")), a.allocations[0].ci95.at("tokens").high);
  EXPECT_EQ(table.column("loss_low"), CsvTable::npos) << "the toy allocation has no interval of its loss";
  const CsvTable points = csv_of(a, TableKind::points);
  ASSERT_EQ(points.rows.size(), a.selection.observations.size());
  for (std::size_t i = 0; i < points.rows.size(); ++i) {
    const Observation& p = a.selection.observations[i];
    EXPECT_EQ(std::stod(points.rows[i].at(points.column("loss"))), p.loss_nats);
    EXPECT_NEAR(std::stod(points.rows[i].at(points.column("fitted_loss"))), p.loss_nats, 1e-9) << "obeys the toy law";
  }
}

TEST(ReportTables, EveryKindHasEveryFormat) {
  const Analysis a = test::toy_analysis();
  for (const TableKind kind : all_of<TableKind>()) {
    const ReportTable table = report_table(a, kind);
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << name_of(kind);
    EXPECT_EQ(csv_of(a, kind).rows.size(), table.rows.size()) << name_of(kind);
    const std::string markdown = table_text(table, TableFormat::markdown);
    EXPECT_EQ(std::ranges::count(markdown, '\n'), std::ssize(table.rows) + 2) << name_of(kind);
    const std::string latex = table_text(table, TableFormat::latex);
    EXPECT_TRUE(latex.ends_with("\\end{tabular}\n")) << latex;
  }
  EXPECT_TRUE(report_table(a, TableKind::choice).rows.empty()) << "one law was asked for";
  EXPECT_EQ(report_table(a, TableKind::checklist).rows.size(), checklist(a).size());
}

TEST(ReportTables, NamesCannotBecomeCommandsOrCells) {
  Analysis a = test::toy_analysis();
  a.selection.observations.resize(1);
  a.selection.observations[0].run = "a|b_50%$\\input{x}\n";
  const ReportTable table = report_table(a, TableKind::points);
  EXPECT_THAT(table_text(table, TableFormat::markdown), HasSubstr("| a\\|b_50%$\\input{x}  |"));
  EXPECT_THAT(table_text(table, TableFormat::latex), HasSubstr("a|b\\_50\\%\\$\\textbackslash{}input\\{x\\}  &"));
}

TEST(ReportTables, LatexWritesPowersAsMathematics) {
  EXPECT_EQ(latex_text("1.58×10⁻¹²"), "1.58$\\times$10$^{-12}$");
  EXPECT_EQ(latex_text("N^alpha – ±"), "N\\textasciicircum{}alpha -- $\\pm$");
}

TEST(Checklist, AnswersEveryQuestionOfRunsAndOfTables) {
  Analysis table = test::toy_analysis();
  table.records.clear();
  table.selection.sweeps.clear();
  table.table = "points.csv";
  for (const Analysis& a : {test::toy_analysis(), table, Analysis{}}) {
    const std::vector<ChecklistItem> items = checklist(a);
    std::set<std::string> parts, questions;
    for (const ChecklistItem& item : items) {
      parts.insert(item.part);
      questions.insert(item.question);
      EXPECT_FALSE(item.answer.empty()) << item.question;
    }
    EXPECT_EQ(parts, (std::set<std::string>{"Form", "Training", "Data", "Fit"}));
    EXPECT_EQ(questions.size(), items.size());
    EXPECT_EQ(items.size(), 25U);
  }
}

std::string answer_to(const Analysis& a, const std::string& question) {
  for (const ChecklistItem& item : checklist(a)) {
    if (item.question.starts_with(question)) return item.answer;
  }
  return "";
}

TEST(Checklist, ItsAnswersFollowTheStudy) {
  Analysis a = test::toy_analysis();
  EXPECT_THAT(answer_to(a, "What is minimised"), HasSubstr("Huber"));
  std::get<ParametricFit>(a.parametric.by_method).objective.kind = ObjectiveKind::mse;
  EXPECT_THAT(answer_to(a, "What is minimised"), HasSubstr("squares of predicted"));
  EXPECT_THAT(answer_to(a, "Which runs were left out"), HasSubstr("1 run or row: diverged at step 12"));
  EXPECT_THAT(answer_to(a, "How is uncertainty"), HasSubstr("60 bootstrap refits over runs"));
  EXPECT_THAT(answer_to(a, "How many models"), HasSubstr("120 runs, of which 24 points"));
  EXPECT_THAT(answer_to(a, "What counts as a parameter"), HasSubstr("every trained scalar"));
  a.options.convention.params = ParamsCount::non_embedding;
  EXPECT_THAT(answer_to(a, "What counts as a parameter"), HasSubstr("all but the token"));
  EXPECT_THAT(answer_to(a, "Which optimiser"), HasSubstr("weight decay 0.1"));
  a.records[3].spec.optimizer.weight_decay = 0.2;
  EXPECT_THAT(answer_to(a, "Which optimiser"), HasSubstr("weight decay 0.2"));
}

}  // namespace
}  // namespace scalelaw
