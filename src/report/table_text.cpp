#include "report/table_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/csv.hpp"
#include "core/format.hpp"

namespace scalelaw::inline report {
namespace {

using Cells = std::vector<std::vector<std::string>>;

constexpr std::array<std::string_view, 10> kRaised = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kLatex = {{{"\\", "\\textbackslash{}"},
                                                                                   {"&", "\\&"},
                                                                                   {"%", "\\%"},
                                                                                   {"$", "\\$"},
                                                                                   {"#", "\\#"},
                                                                                   {"_", "\\_"},
                                                                                   {"{", "\\{"},
                                                                                   {"}", "\\}"},
                                                                                   {"~", "\\textasciitilde{}"},
                                                                                   {"^", "\\textasciicircum{}"},
                                                                                   {"<", "\\textless{}"},
                                                                                   {">", "\\textgreater{}"},
                                                                                   {"×", "$\\times$"},
                                                                                   {"−", "$-$"},
                                                                                   {"±", "$\\pm$"},
                                                                                   {"–", "--"},
                                                                                   {"\n", " "}}};

/// The raised digit or sign at the start of text, as an ordinary one; empty for other text.
std::pair<std::string, std::size_t> raised_at(std::string_view text) {
  constexpr std::string_view kMinus = "⁻";
  if (text.starts_with(kMinus)) return {"-", kMinus.size()};
  for (std::size_t d = 0; d < kRaised.size(); ++d) {
    if (text.starts_with(kRaised.at(d))) return {std::to_string(d), kRaised.at(d).size()};
  }
  return {"", 0};
}

std::string markdown(const Cells& rows) {
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    out += "|";
    for (std::string cell : rows[i]) {
      std::ranges::replace(cell, '\n', ' ');
      for (std::size_t at = cell.find('|'); at != std::string::npos; at = cell.find('|', at + 2)) cell.insert(at, "\\");
      out += " " + cell + " |";
    }
    out += "\n";
    if (i > 0) continue;
    out += "|";
    for (std::size_t k = 0; k < rows[i].size(); ++k) out += " --- |";
    out += "\n";
  }
  return out;
}

std::string latex(const ReportTable& table, const Cells& rows) {
  constexpr std::string_view kParagraph = "p{0.42\\linewidth}";  // for sentences
  std::string columns;
  for (std::size_t k = 0; k < table.columns.size(); ++k) {
    const bool sentences = std::ranges::any_of(table.rows, [&](const auto& row) { return row[k].text.size() > 40; });
    columns += sentences ? kParagraph : std::string_view("l");
  }
  std::string out =
      fmt::format("% {}; \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{}}}\n\\toprule\n", table.title, columns);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < rows[i].size(); ++k) out += (k == 0 ? "" : " & ") + latex_text(rows[i][k]);
    out += " \\\\\n";
    if (i == 0) out += "\\midrule\n";
  }
  return out + "\\bottomrule\n\\end{tabular}\n";
}

std::string csv(const ReportTable& table) {
  std::string out;
  std::vector<bool> intervals;
  for (std::size_t k = 0; k < table.columns.size(); ++k) {
    intervals.push_back(std::ranges::any_of(table.rows, [&](const auto& row) { return row[k].ci95.has_value(); }));
    const std::string& key = table.columns[k].key;
    out += (k == 0 ? "" : ",") + csv_cell(key);
    if (intervals[k]) out += fmt::format(",{0}_low,{0}_high", key);
  }
  out += "\n";
  const auto end = [](const std::optional<Interval>& ci, double Interval::*which) {
    return ci && std::isfinite(*ci.*which) ? exact_number(*ci.*which) : std::string();
  };
  for (const auto& row : table.rows) {
    for (std::size_t k = 0; k < row.size(); ++k) {
      const bool none = !row[k].value && row[k].text == "–";
      out += (k == 0 ? "" : ",") + (row[k].value ? exact_number(*row[k].value) : none ? "" : csv_cell(row[k].text));
      if (intervals[k]) {
        out += fmt::format(",{},{}", end(row[k].ci95, &Interval::low), end(row[k].ci95, &Interval::high));
      }
    }
    out += "\n";
  }
  return out;
}

}  // namespace

std::string latex_text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::string power;
    for (auto raised = raised_at(text.substr(at)); raised.second > 0; raised = raised_at(text.substr(at))) {
      power += raised.first;
      at += raised.second;
    }
    if (!power.empty()) {
      out += "$^{" + power + "}$";
      continue;
    }
    const auto special =
        std::ranges::find_if(kLatex, [&](const auto& pair) { return text.substr(at).starts_with(pair.first); });
    out += special == kLatex.end() ? text.substr(at, 1) : special->second;
    at += special == kLatex.end() ? 1 : special->first.size();
  }
  return out;
}

std::string table_text(const ReportTable& table, TableFormat format) {
  switch (format) {
    case TableFormat::markdown:
      return markdown(table_cells(table));
    case TableFormat::latex:
      return latex(table, table_cells(table));
    case TableFormat::csv:
      return csv(table);
  }
  return "";
}

}  // namespace scalelaw::inline report
