#pragma once
// Tables of the report as text for papers, notes and programs.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/analysis.hpp"

namespace scalelaw::inline report {

enum class TableKind { fits, allocation, choice, points, checklist };
constexpr std::array<std::string_view, 5> names_of(TableKind) {
  return {"fits", "allocation", "choice", "points", "checklist"};
}

enum class TableFormat { markdown, latex, csv };
constexpr std::array<std::string_view, 3> names_of(TableFormat) { return {"markdown", "latex", "csv"}; }

struct TableColumn {
  std::string key;    ///< of a CSV file: "tokens_per_param"
  std::string title;  ///< for people: "D*/N*"
};

/// A number with its interval, or words where there is no number.
struct TableCell {
  std::string text = {};             ///< for people; without the interval
  std::optional<double> value = {};  ///< what the text rounds
  std::optional<Interval> ci95 = {};
  std::string (*written)(double) = nullptr;  ///< how the ends of the interval are written
};

struct ReportTable {
  TableKind kind = TableKind::fits;
  std::string title;
  std::vector<TableColumn> columns;
  std::vector<std::vector<TableCell>> rows;  ///< each as long as columns
};

/// fits: constants of the law that answers and exponents of both approaches. allocation: N*, D*, L* at the budgets
/// asked for. choice: the laws tried; no rows where one alone was asked for. points: what was fitted, with the fitted
/// loss. checklist: analysis/checklist.hpp.
[[nodiscard]] ReportTable report_table(const Analysis& analysis, TableKind kind);

/// What people read: the titles, then the rows, rounded and with intervals in brackets.
[[nodiscard]] std::vector<std::vector<std::string>> table_cells(const ReportTable& table);

}  // namespace scalelaw::inline report
