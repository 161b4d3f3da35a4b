#include "records/table_rows.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/cells.hpp"
#include "core/format.hpp"
#include "os/error.hpp"
#include "records/columns.hpp"

namespace scalelaw::inline records {
namespace {

/// Headers under which tables say what tells populations apart; those of one row mean the same.
const std::vector<std::vector<std::string>>& population_headers() {
  static const std::vector<std::vector<std::string>> names = {
      {"source"},
      {"corpus", "dataset", "corpus_name", "dataset_name"},
      {"corpus_sha256"},
      {"tokenizer", "tokenizer_name"},
      {"vocab", "vocab_size", "n_vocab"},
      common_names("context"),
      {"precision", "dtype"},
      {"optimizer", "optim"},
      {"schedule", "lr_schedule", "scheduler", "lr_scheduler", "lr_scheduler_type"},
      {"architecture", "arch", "model_arch"},
      {"parametrization", "parameterization"}};
  return names;
}

/// "config/data/Seq Len" -> "seq_len"
std::string last_part(const std::string& header) {
  const HeaderName name = header_name(header);
  return name.last.empty() ? name.key : name.last;
}

/// What a name stands for: the first of its row in population_headers; empty where it tells no populations apart.
std::string trait_of(const std::string& name) {
  for (const auto& names : population_headers()) {
    if (std::ranges::find(names, name) != names.end()) return names.front();
  }
  return "";
}

/// One text for each way to write a value: "BF16" and "bf16"; of what is no name also 64 and 64.0.
std::string value_key(const std::string& cell, const std::string& trait) {
  if (is_missing(cell)) return "none";
  const bool number_of = trait.empty() || trait == "vocab" || trait == "context";
  const auto number = number_of ? parse_number(cell, {}) : std::nullopt;
  return number ? exact_number(*number) : lower(trimmed(cell));
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

/// A column of a population: that of its name in every table, else the next of its trait.
struct SlotValues {
  std::string trait;
  bool first = true;   ///< of its trait
  std::string header;  ///< where it was first seen
  struct Value {
    std::string shown;
    std::map<std::size_t, std::size_t> rows;  ///< by table
  };
  std::map<std::string, Value> values;  ///< by value_key
  std::set<std::size_t> tables;         ///< that give it
};

/// The columns of a trait that say something.
std::vector<std::pair<std::string, std::size_t>> given_columns(const Table& table) {
  std::vector<std::pair<std::string, std::size_t>> columns;
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    const std::string trait = trait_of(last_part(table.header[c]));
    const bool given = std::ranges::any_of(table.rows, [&](const auto& row) { return !is_missing(row[c]); });
    if (!trait.empty() && given) columns.emplace_back(trait, c);
  }
  return columns;
}

/// The slot of a column: that of its name, else the first that its table has not filled, else a new one.
SlotValues& slot_for(std::vector<SlotValues>& slots, const std::string& trait, const std::string& header,
                     const Table& table, std::size_t t) {
  const auto named = [&](const SlotValues& s, const std::string& h) { return last_part(s.header) == last_part(h); };
  const auto same = [&](const SlotValues& s) { return s.trait == trait && !s.tables.contains(t) && named(s, header); };
  const auto others = [&](const SlotValues& s) {
    return s.trait == trait && !s.tables.contains(t) &&
           std::ranges::none_of(table.header, [&](const std::string& h) { return named(s, h); });
  };
  auto it = std::ranges::find_if(slots, same);
  if (it == slots.end()) it = std::ranges::find_if(slots, others);
  if (it != slots.end()) return *it;
  const bool first = std::ranges::find(slots, trait, &SlotValues::trait) == slots.end();
  slots.push_back({.trait = trait, .first = first, .header = header, .values = {}, .tables = {}});
  return slots.back();
}

/// The values of every column of a population.
std::vector<SlotValues> slot_values(std::span<const Table> tables) {
  std::vector<SlotValues> slots;
  for (std::size_t t = 0; t < tables.size(); ++t) {
    for (const auto& [trait, c] : given_columns(tables[t])) {
      SlotValues& slot = slot_for(slots, trait, tables[t].header[c], tables[t], t);
      slot.tables.insert(t);
      for (const auto& row : tables[t].rows) {
        if (is_missing(row[c])) continue;
        SlotValues::Value& value = slot.values[value_key(row[c], trait)];
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
  const std::string name = lower(item.substr(0, equals));
  std::vector<std::optional<std::size_t>> columns;
  std::set<std::string> headers, values;
  for (const Table& table : tables) {
    columns.push_back(column_named(table, name));
    headers.insert(table.header.begin(), table.header.end());
  }
  if (std::ranges::none_of(columns, [](const auto& c) { return c.has_value(); })) {
    const bool one = tables.size() == 1;
    fail_config("--where {}: {} no column '{}'; {} columns are {}", item,
                table_names(tables) + (one ? " has" : " have"), name, one ? "its" : "their",
                one ? fmt::format("{}", fmt::join(tables[0].header, ", ")) : some_of(headers));
  }
  const std::string trait = trait_of(last_part(name)), wanted = value_key(item.substr(equals + 1), trait);
  std::size_t kept = 0;
  std::vector<std::vector<std::size_t>> keep(tables.size());
  for (std::size_t t = 0; t < tables.size(); ++t) {
    for (std::size_t r = 0; r < tables[t].rows.size(); ++r) {
      const std::string cell = columns[t] ? tables[t].rows[r][*columns[t]] : "";
      values.insert(is_missing(cell) ? "none" : std::string(trimmed(cell)));
      if (value_key(cell, trait) == wanted) keep[t].push_back(r);
    }
    kept += keep[t].size();
  }
  if (kept == 0) {
    fail_config("--where {}: no row of {} has this value; there are {}", item, table_names(tables), some_of(values));
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

std::string table_names(std::span<const Table> tables) {
  std::vector<std::string> names;
  for (const Table& table : tables) names.push_back(table.name);
  return fmt::format("{}", fmt::join(names, " and "));
}

std::vector<std::string> mixed_columns(std::span<const Table> tables) {
  std::vector<std::string> lines;
  for (const SlotValues& slot : slot_values(tables)) {
    std::map<std::size_t, std::size_t> without;  // a second column of the same trait may be one table's alone
    for (std::size_t t = 0; slot.first && t < tables.size(); ++t) {
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

std::vector<std::string> partly_given(std::span<const Table> tables) {
  std::vector<std::string> lines;
  for (const SlotValues& slot : slot_values(tables)) {
    if (slot.values.size() != 1) continue;
    std::size_t given = 0, all = 0;
    for (const auto& [table, count] : slot.values.begin()->second.rows) given += count;
    for (const std::size_t t : slot.tables) all += tables[t].rows.size();
    if (given == all) continue;
    lines.push_back(fmt::format("{} is given in {} of {} rows ({}), and the others are taken to have the same",
                                slot.header, given, all, slot.values.begin()->second.shown));
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

}  // namespace scalelaw::inline records
