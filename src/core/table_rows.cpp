#include "core/table_rows.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "core/cells.hpp"
#include "core/error.hpp"

namespace scalelaw {
namespace {

constexpr std::array<std::string_view, 14> kPopulation = {
    "source",  "corpus",    "corpus_sha256", "dataset",   "tokenizer", "vocab",        "vocab_size",
    "context", "precision", "dtype",         "optimizer", "schedule",  "architecture", "parametrization"};

/// "config/data/Corpus" -> "corpus"
std::string last_part(const std::string& header) {
  const std::size_t at = header.find_last_of("/.");
  return lower(at == std::string::npos ? header : header.substr(at + 1));
}

constexpr std::size_t kShownValues = 6;

std::string some_of(const std::set<std::string>& values) {
  std::vector<std::string> shown;
  for (const std::string& value : values) {
    if (shown.size() == kShownValues) {
      shown.emplace_back("...");
      break;
    }
    shown.push_back(value.empty() ? "(empty)" : value);
  }
  return fmt::format("{}", fmt::join(shown, ", "));
}

}  // namespace

std::vector<std::string> mixed_columns(const Table& table) {
  std::vector<std::string> lines;
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    if (std::ranges::find(kPopulation, last_part(table.header[c])) == kPopulation.end()) continue;
    std::map<std::string, std::size_t> rows;
    for (const auto& row : table.rows) {
      if (!row[c].empty()) ++rows[row[c]];
    }
    if (rows.size() < 2) continue;
    std::vector<std::string> values;
    for (const auto& [value, count] : rows) {
      if (values.size() == kShownValues) {
        values.emplace_back("...");
        break;
      }
      values.push_back(fmt::format("{} ({} row{})", value, count, count == 1 ? "" : "s"));
    }
    lines.push_back(fmt::format("{}: {}", table.header[c], fmt::join(values, ", ")));
  }
  return lines;
}

void keep_rows_where(Table& table, const std::vector<std::string>& where) {
  for (const std::string& item : where) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail_config("--where '{}': write COLUMN=VALUE, for example corpus=books", item);
    }
    const std::string name = lower(item.substr(0, equals)), value = lower(item.substr(equals + 1));
    const auto column = std::ranges::find_if(
        table.header, [&](const std::string& header) { return lower(header) == name || last_part(header) == name; });
    if (column == table.header.end()) {
      fail_config("--where {}: {} has no column '{}'; its columns are {}", item, table.name, name,
                  fmt::join(table.header, ", "));
    }
    const auto index = static_cast<std::size_t>(column - table.header.begin());
    std::vector<std::vector<std::string>> rows;
    std::vector<std::size_t> lines;
    std::set<std::string> values;
    for (std::size_t r = 0; r < table.rows.size(); ++r) {
      const std::string& cell = table.rows[r][index];
      values.insert(cell);
      if (lower(cell) != value) continue;
      rows.push_back(std::move(table.rows[r]));
      lines.push_back(table.lines[r]);
    }
    if (rows.empty()) {
      fail_config("--where {}: no row of {} has this value; there are {}", item, table.name, some_of(values));
    }
    table.rows = std::move(rows);
    table.lines = std::move(lines);
  }
}

}  // namespace scalelaw
