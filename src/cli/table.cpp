// scalelaw table STUDY: the tables of the report as text.
#include <memory>

#include "cli/analysis_source.hpp"
#include "cli/named_option.hpp"
#include "report/table_text.hpp"

namespace scalelaw::cli {
namespace {

struct TableArguments {
  AnalysisSource source;
  TableKind kind = TableKind::fits;
  TableFormat format = TableFormat::markdown;
};

Json rows_json(const ReportTable& table) {
  Json rows = Json::array();
  for (const auto& row : table.rows) {
    Json item = Json::object();
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::string& key = table.columns[k].key;
      item[key] = row[k].value ? Json(*row[k].value) : Json(row[k].text);
      if (row[k].ci95) item[key + "_ci95"] = {row[k].ci95->low, row[k].ci95->high};
    }
    rows.push_back(item);
  }
  return {{"table", table.kind}, {"title", table.title}, {"rows", rows}};
}

ExitCode print_table(const TableArguments& arguments, const Globals& globals) {
  const ReportTable table = report_table(read_analysis(arguments.source, globals, /*compare=*/false), arguments.kind);
  print(globals, table_text(table, arguments.format));
  emit_json(globals, rows_json(table));
  return ExitCode::ok;
}

}  // namespace

void add_table(CLI::App& app, const Globals& globals, Action& action) {
  const auto arguments = std::make_shared<TableArguments>();
  CLI::App* command = app.add_subcommand("table", "a table of the report as Markdown, LaTeX or CSV");
  add_analysis_source(*command, arguments->source);
  add_named(*command, "--kind", arguments->kind, "which table");
  add_named(*command, "--format", arguments->format, "how it is written");
  command->callback(
      [arguments, &globals, &action] { action = [arguments, &globals] { return print_table(*arguments, globals); }; });
}

}  // namespace scalelaw::cli
