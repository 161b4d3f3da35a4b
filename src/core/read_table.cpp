#include "core/read_table.hpp"

#include <algorithm>
#include <array>

#include "core/cells.hpp"
#include "core/csv.hpp"
#include "core/input_text.hpp"
#include "core/table_json.hpp"
#include "os/error.hpp"

namespace scalelaw::inline core {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::string delimiter_name(char c) {
  switch (c) {
    case '\t':
      return "tab";
    case ';':
      return "semicolon";
    case '|':
      return "bar";
    case ' ':
      return "blank";
    case ',':
      return "comma";
    default:
      return fmt::format("'{}'", c);
  }
}

/// Lines with each run of blanks as one tab: columns aligned by blanks.
std::string with_tabs(std::string_view text) {
  std::string out;
  bool gap = false, begun = false;
  for (const char c : text) {
    if (c == ' ' || c == '\t') {
      gap = begun;
    } else {
      if (c == '\n' || c == '\r') {
        begun = false;
      } else {
        if (gap) out += '\t';
        begun = true;
      }
      gap = false;
      out += c;
    }
  }
  return out;
}

bool numeric_row(const std::vector<std::string>& cells) {
  return std::ranges::any_of(cells, [](const std::string& c) { return looks_numeric(c); }) &&
         std::ranges::all_of(cells, [](const std::string& c) { return looks_numeric(c) || is_missing(c); });
}

/// The header of a file whose rows are all numbers: its last comment, as NumPy writes it.
void header_from_comment(CsvRows& all, char delimiter, bool blanks, const std::string& name) {
  if (all.rows.empty() || all.comments.empty() || !numeric_row(all.rows.front())) return;
  const std::string comment = blanks ? with_tabs(all.comments.back()) : all.comments.back();
  CsvRows header = csv_rows(comment, delimiter, false, name);
  if (header.rows.empty() || header.rows.front().size() != all.rows.front().size()) return;
  all.rows.insert(all.rows.begin(), std::move(header.rows.front()));
  all.lines.insert(all.lines.begin(), 0);
  all.comments.pop_back();
}

CsvRows rows_under(const std::string& text, char delimiter, const std::string& name) {
  CsvRows all = delimiter == ' ' ? csv_rows(with_tabs(text), '\t', true, name) : csv_rows(text, delimiter, true, name);
  header_from_comment(all, delimiter == ' ' ? '\t' : delimiter, delimiter == ' ', name);
  return all;
}

/// Rows as a table: bars and rules of a Markdown table, an unnamed index, closing delimiters and empty rows taken off.
void trim_shape(CsvRows& all, char delimiter) {
  auto& rows = all.rows;
  for (auto& row : rows) {
    for (std::string& cell : row) {  // libcsv trims blanks but around quotes
      const auto begin = cell.find_first_not_of(kBlanks);
      if (begin == std::string::npos) cell.clear();
    }
  }
  const auto drop = [&](auto unwanted) {
    for (std::size_t i = rows.size(); i-- > 1;) {
      if (!unwanted(rows[i])) continue;
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(i));
      all.lines.erase(all.lines.begin() + static_cast<std::ptrdiff_t>(i));
    }
  };
  drop([](const auto& row) { return std::ranges::all_of(row, &std::string::empty); });
  if (rows.size() < 2) return;
  if (delimiter == '|') {
    drop([](const auto& row) {
      return std::ranges::all_of(row, [](const std::string& c) { return c.find_first_not_of("-: ") == c.npos; });
    });
    const bool framed = std::ranges::all_of(
        rows, [](const auto& row) { return row.size() > 2 && row.front().empty() && row.back().empty(); });
    for (auto& row : rows) {
      if (framed) row.erase(row.begin()), row.pop_back();
    }
  }
  const std::size_t width = rows.front().size();
  const bool longer =
      std::all_of(rows.begin() + 1, rows.end(), [&](const auto& row) { return row.size() == width + 1; });
  if (!longer) return;
  const bool closed = std::all_of(rows.begin() + 1, rows.end(), [](const auto& row) { return row.back().empty(); });
  if (closed) {
    for (std::size_t i = 1; i < rows.size(); ++i) rows[i].pop_back();
  } else if (delimiter != ',' ||
             std::all_of(rows.begin() + 1, rows.end(), [](const auto& row) { return !looks_numeric(row.front()); })) {
    rows.front().insert(rows.front().begin(), "");  // R leaves the name of its row names out
  }
}

bool even(const CsvRows& all) {
  return std::ranges::all_of(all.rows, [&](const auto& row) { return row.size() == all.rows.front().size(); });
}

struct Delimited {
  char delimiter;
  CsvRows rows;
  std::size_t known = 0;
  bool even = false;
};

Delimited sniff(const std::string& text, const std::string& name, const KnownNames& known) {
  std::vector<Delimited> candidates;
  for (const char d : {',', ';', '\t', '|', ' '}) {
    if (d == ' ' && std::ranges::any_of(candidates, [](const Delimited& c) { return c.known >= 2; })) continue;
    Delimited c{.delimiter = d, .rows = rows_under(text, d, name)};
    trim_shape(c.rows, d);
    if (c.rows.rows.empty() || (c.rows.rows.front().size() < 2 && d != ',')) continue;
    c.known = known(c.rows.rows.front());
    c.even = even(c.rows);
    candidates.push_back(std::move(c));
  }
  if (candidates.empty()) return {.delimiter = ',', .rows = {}};
  // Most known names; then rows of one length; then more columns than one; then the first.
  const auto rank = [](const Delimited& c) {
    return std::tuple(c.known, c.even && c.rows.rows.front().size() > 1, c.rows.rows.front().size() > 1);
  };
  const auto best = std::ranges::max_element(candidates, {}, rank);
  for (auto other = candidates.begin(); other != candidates.end(); ++other) {
    if (other == best || best->known == 0 || rank(*other) != rank(*best)) continue;
    fail_data("{}: its cells may be separated by {} or by {}; say --delimiter '{}' or --delimiter '{}'", name,
              delimiter_name(best->delimiter), delimiter_name(other->delimiter), best->delimiter, other->delimiter);
  }
  return std::move(*best);
}

}  // namespace

Table table_of_text(const std::string& text, const std::string& name, char delimiter, const KnownNames& known) {
  if (is_json(text)) return table_of_json(json_rows(text, name), name);
  Delimited found = delimiter == 0 ? sniff(text, name, known)
                                   : Delimited{.delimiter = delimiter, .rows = rows_under(text, delimiter, name)};
  if (delimiter != 0) trim_shape(found.rows, delimiter);
  CsvRows& all = found.rows;
  if (all.rows.empty()) fail_data("{}: is empty; a header row and data rows are needed", name);
  Table table{.name = name, .header = std::move(all.rows.front()), .rows = {}, .lines = {}, .dialect = {}};
  if (found.delimiter != ',') table.dialect.push_back(delimiter_name(found.delimiter) + " separated");
  if (!all.comments.empty()) {
    table.dialect.push_back(fmt::format("{} comment line{}", all.comments.size(), all.comments.size() > 1 ? "s" : ""));
  }
  std::size_t repeated = 0;
  for (std::size_t i = 1; i < all.rows.size(); ++i) {
    auto& row = all.rows[i];
    if (row == table.header) {
      ++repeated;
      continue;
    }
    if (row.size() != table.header.size()) {
      fail_data("{}: row {} has {} cells, the header has {}{}", name, all.lines[i], row.size(), table.header.size(),
                row.size() > table.header.size() && found.delimiter == ','
                    ? "; where commas are also decimal marks or stand between thousands, quote such cells or separate "
                      "the columns by semicolons"
                    : "");
    }
    table.rows.push_back(std::move(row));
    table.lines.push_back(all.lines[i]);
  }
  if (repeated > 0)
    table.dialect.push_back(fmt::format("the header repeated {} time{}", repeated, repeated > 1 ? "s" : ""));
  return table;
}

Table read_table(const std::filesystem::path& path, char delimiter, const KnownNames& known) {
  InputText in = read_input_text(path);
  Table table = table_of_text(in.text, in.name, delimiter, known);
  table.dialect.insert(table.dialect.begin(), in.notes.begin(), in.notes.end());
  return table;
}

}  // namespace scalelaw::inline core
