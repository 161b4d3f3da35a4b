#include "core/table_rows.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/cells.hpp"
#include "core/error.hpp"
#include "core/format.hpp"

namespace scalelaw {
namespace {

/// Headers under which tables say what tells populations apart; those of one row mean the same.
const std::vector<std::vector<std::string_view>>& population_headers() {
  static const std::vector<std::vector<std::string_view>> names = {
      {"source"},
      {"corpus", "dataset", "corpus_name", "dataset_name"},
      {"corpus_sha256"},
      {"tokenizer", "tokenizer_name"},
      {"vocab", "vocab_size", "n_vocab"},
      {"context", "context_length", "seq_len", "seq_length", "seqlen", "sequence_length", "block_size", "ctx_len",
       "n_ctx", "max_seq_len", "max_length"},
      {"precision", "dtype"},
      {"optimizer", "optim"},
      {"schedule", "lr_schedule", "scheduler", "lr_scheduler", "lr_scheduler_type"},
      {"architecture", "arch", "model_arch"},
      {"parametrization", "parameterization"}};
  return names;
}

/// "config/data/Seq Len" -> "seq_len"
std::string last_part(const std::string& header) {
  const std::size_t at = header.find_last_of("/.");
  std::string part = lower(trimmed(at == std::string::npos ? header : header.substr(at + 1)));
  std::ranges::replace_if(
      part, [](char c) { return c == ' ' || c == '-'; }, '_');
  return part;
}

/// What a name stands for: the first of its row in population_headers; empty where it tells no populations apart.
std::string trait_of(const std::string& name) {
  for (const auto& names : population_headers()) {
    if (std::ranges::find(names, name) != names.end()) return std::string(names.front());
  }
  return "";
}

bool not_given(const std::string& cell) { return lower(trimmed(cell)).empty() || lower(trimmed(cell)) == "nan"; }

/// One text for each way to write a value: "BF16" and "bf16", 64 and 64.0.
std::string value_key(const std::string& cell) {
  if (not_given(cell)) return "none";
  if (const auto number = parse_number(cell, {})) return exact_number(*number);
  return lower(trimmed(cell));
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

std::string names_of(std::span<const Table> tables) {
  std::vector<std::string> names;
  for (const Table& table : tables) names.push_back(table.name);
  return fmt::format("{}", fmt::join(names, " and "));
}

/// A column of a population: which of its trait in its table (0: the first).
using Slot = std::pair<std::string, std::size_t>;

struct SlotValues {
  Slot slot;
  std::string header;  ///< where it was first seen
  struct Value {
    std::string shown;
    std::map<std::size_t, std::size_t> rows;  ///< by table
  };
  std::map<std::string, Value> values;  ///< by value_key
  std::set<std::size_t> tables;         ///< that give it
};

/// The values of every column of a population, in the order in which the columns appear.
std::vector<SlotValues> slot_values(std::span<const Table> tables) {
  std::vector<SlotValues> slots;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    std::map<std::string, std::size_t> seen;
    for (std::size_t c = 0; c < tables[t].header.size(); ++c) {
      const std::string trait = trait_of(last_part(tables[t].header[c]));
      const bool given = std::ranges::any_of(tables[t].rows, [&](const auto& row) { return !not_given(row[c]); });
      if (trait.empty() || !given) continue;
      const Slot slot{trait, seen[trait]++};
      auto it = std::ranges::find(slots, slot, &SlotValues::slot);
      if (it == slots.end()) it = slots.insert(slots.end(), {slot, tables[t].header[c], {}, {}});
      it->tables.insert(t);
      for (const auto& row : tables[t].rows) {
        if (not_given(row[c])) continue;
        SlotValues::Value& value = it->values[value_key(row[c])];
        if (value.shown.empty()) value.shown = std::string(trimmed(row[c]));
        ++value.rows[t];
      }
    }
  }
  return slots;
}

std::string rows_text(std::span<const Table> tables, const std::map<std::size_t, std::size_t>& rows) {
  std::vector<std::string> parts;
  for (const auto& [table, count] : rows) {
    const std::string rows_of = parts.empty() ? (count == 1 ? " row" : " rows") : "";
    parts.push_back(fmt::format("{}{}{}", count, rows_of, tables.size() > 1 ? " of " + tables[table].name : ""));
  }
  return fmt::format("{}", fmt::join(parts, " and "));
}

/// The column that a restriction names: by its header, its last part or, among those of a population, another name.
std::optional<std::size_t> column_named(const Table& table, const std::string& name) {
  const auto index = [&](const auto& is) -> std::optional<std::size_t> {
    const auto it = std::ranges::find_if(table.header, is);
    if (it == table.header.end()) return std::nullopt;
    return static_cast<std::size_t>(it - table.header.begin());
  };
  if (const auto exact = index([&](const std::string& h) { return lower(h) == name || last_part(h) == name; })) {
    return exact;
  }
  const std::string trait = trait_of(name);
  if (trait.empty()) return std::nullopt;
  return index([&](const std::string& h) { return trait_of(last_part(h)) == trait; });
}

/// One restriction. Errors (config): see keep_rows_where.
void keep_rows(std::span<Table> tables, const std::string& item) {
  const std::size_t equals = item.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_config("--where '{}': write COLUMN=VALUE, for example corpus=books", item);
  }
  const std::string name = lower(item.substr(0, equals)), wanted = value_key(item.substr(equals + 1));
  std::vector<std::optional<std::size_t>> columns;
  std::set<std::string> headers, values;
  for (const Table& table : tables) {
    columns.push_back(column_named(table, name));
    headers.insert(table.header.begin(), table.header.end());
  }
  if (std::ranges::none_of(columns, [](const auto& c) { return c.has_value(); })) {
    const bool one = tables.size() == 1;
    fail_config("--where {}: {} no column '{}'; {} columns are {}", item, names_of(tables) + (one ? " has" : " have"),
                name, one ? "its" : "their",
                one ? fmt::format("{}", fmt::join(tables[0].header, ", ")) : some_of(headers));
  }
  std::size_t kept = 0;
  std::vector<std::vector<std::size_t>> keep(tables.size());
  for (std::size_t t = 0; t < tables.size(); ++t) {
    for (std::size_t r = 0; r < tables[t].rows.size(); ++r) {
      const std::string cell = columns[t] ? tables[t].rows[r][*columns[t]] : "";
      values.insert(not_given(cell) ? "none" : std::string(trimmed(cell)));
      if (value_key(cell) == wanted) keep[t].push_back(r);
    }
    kept += keep[t].size();
  }
  if (kept == 0) {
    fail_config("--where {}: no row of {} has this value; there are {}", item, names_of(tables), some_of(values));
  }
  for (std::size_t t = 0; t < tables.size(); ++t) {
    std::vector<std::vector<std::string>> rows;
    std::vector<std::size_t> lines;
    for (const std::size_t r : keep[t]) {
      rows.push_back(std::move(tables[t].rows[r]));
      lines.push_back(tables[t].lines[r]);
    }
    tables[t].rows = std::move(rows);
    tables[t].lines = std::move(lines);
  }
}

}  // namespace

std::vector<std::string> mixed_columns(std::span<const Table> tables) {
  std::vector<std::string> lines;
  for (const SlotValues& slot : slot_values(tables)) {
    std::map<std::size_t, std::size_t> without;  // a second column of the same trait may be one table's alone
    for (std::size_t t = 0; slot.slot.second == 0 && t < tables.size(); ++t) {
      if (!slot.tables.contains(t) && !tables[t].rows.empty()) without[t] = tables[t].rows.size();
    }
    if (slot.values.size() + (without.empty() ? 0 : 1) < 2) continue;
    std::vector<std::string> shown;
    for (const auto& [key, value] : slot.values) {
      if (shown.size() == kShownValues) {
        shown.emplace_back("...");
        break;
      }
      shown.push_back(fmt::format("{} ({})", value.shown, rows_text(tables, value.rows)));
    }
    if (!without.empty()) shown.push_back(fmt::format("not given ({})", rows_text(tables, without)));
    lines.push_back(fmt::format("{}: {}", slot.header, fmt::join(shown, ", ")));
  }
  return lines;
}

std::vector<std::string> mixed_columns(const Table& table) { return mixed_columns(std::span(&table, 1)); }

void keep_rows_where(std::span<Table> tables, const std::vector<std::string>& where) {
  for (const std::string& item : where) keep_rows(tables, item);
}

void keep_rows_where(Table& table, const std::vector<std::string>& where) {
  keep_rows_where(std::span(&table, 1), where);
}

}  // namespace scalelaw
