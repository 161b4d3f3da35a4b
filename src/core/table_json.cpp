#include "core/table_json.hpp"

#include <algorithm>
#include <map>

#include "core/json.hpp"
#include "os/error.hpp"

namespace scalelaw::inline core {
namespace {

constexpr std::string_view kJsonBlanks = " \t\r\n";

/// NaN, Infinity and -Infinity outside strings as null.
std::string without_nan(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[++i];
      continue;
    }
    if (!quoted) {
      const std::string_view rest = text.substr(i);
      std::size_t length = 0;
      for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
        if (rest.starts_with(word)) length = word.size();
      }
      if (length > 0) {
        out += "null";
        i += length - 1;
        continue;
      }
    }
    out += c;
  }
  return out;
}

Json parse(const std::string& text) { return Json::parse(without_nan(text), nullptr, false); }

bool objects(const Json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, [](const Json& x) { return x.is_object(); });
}

/// {"params": [1, 2], "loss": [3, 4]}, or with an object of index -> cell for each column (pandas).
std::vector<Json> rows_of_columns(const Json& columns) {
  std::map<std::string, std::size_t> order;  // of the keys of an index
  std::vector<Json> rows;
  const bool arrays = std::ranges::all_of(columns, [](const Json& x) { return x.is_array(); });
  const bool maps = std::ranges::all_of(columns, [](const Json& x) { return x.is_object() && !x.empty(); });
  if (columns.empty() || (!arrays && !maps)) return rows;
  const Json& first = *columns.begin();
  for (const auto& [name, cells] : columns.items()) {
    if (cells.size() != first.size()) return {};
    for (const Json& cell : cells) {
      if (cell.is_structured()) return {};
    }
  }
  rows.assign(first.size(), Json::object());
  if (maps) {  // numbers of an index in their own order: "10" is after "9"
    std::vector<std::string> keys;
    for (const auto& [key, cell] : first.items()) keys.push_back(key);
    std::ranges::sort(keys, {}, [](const std::string& k) { return std::pair(k.size(), k); });
    for (std::size_t i = 0; i < keys.size(); ++i) order[keys[i]] = i;
  }
  for (const auto& [name, cells] : columns.items()) {
    std::size_t i = 0;
    for (const auto& [key, cell] : cells.items()) {
      if (maps && !order.contains(key)) return {};
      rows[maps ? order.at(key) : i++][name] = cell;
    }
  }
  return rows;
}

/// {"columns": [...], "data": [[...], ...]} (pandas, orient="split").
std::vector<Json> rows_of_split(const Json& value) {
  std::vector<Json> rows;
  const auto columns = value.find("columns"), data = value.find("data");
  if (columns == value.end() || data == value.end() || !columns->is_array() || !data->is_array()) return rows;
  for (const Json& cells : *data) {
    if (!cells.is_array() || cells.size() != columns->size()) return {};
    Json row = Json::object();
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if ((*columns)[i].is_string()) row[(*columns)[i].get<std::string>()] = cells[i];
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<Json> rows_of_object(const Json& value, const std::string& name) {
  if (auto rows = rows_of_split(value); !rows.empty()) return rows;
  if (auto rows = rows_of_columns(value); !rows.empty()) return rows;
  std::vector<std::string> arrays;
  for (const auto& [key, item] : value.items()) {
    if (objects(item)) arrays.push_back(key);
  }
  if (arrays.size() > 1) {
    fail_data("{}: the JSON object holds several arrays of rows ({}, {}); write the one meant into a file of its own",
              name, arrays[0], arrays[1]);
  }
  if (arrays.size() == 1) return value.at(arrays.front()).get<std::vector<Json>>();
  return {value};
}

void flatten(const Json& value, const std::string& prefix, std::map<std::string, std::string>& cells,
             std::vector<std::string>& order) {
  for (const auto& [key, item] : value.items()) {
    const std::string name = prefix.empty() ? key : prefix + "/" + key;
    if (item.is_object()) {
      flatten(item, name, cells, order);
      continue;
    }
    cells[name] = item.is_string() ? item.get<std::string>() : item.is_null() ? "" : item.dump();
    if (std::ranges::find(order, name) == order.end()) order.push_back(name);
  }
}

}  // namespace

bool is_json(const std::string& text) {
  const auto first = text.find_first_not_of(kJsonBlanks);
  return first != std::string::npos && (text[first] == '{' || text[first] == '[');
}

std::vector<Json> json_rows(const std::string& text, const std::string& name) {
  const Json whole = parse(text);
  if (objects(whole)) return whole.get<std::vector<Json>>();
  if (whole.is_object()) return rows_of_object(whole, name);
  if (!whole.is_discarded()) fail_data("{}: the JSON array holds no objects; write one object for each run", name);
  std::vector<Json> rows;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    ++number;
    begin = end + 1;
    if (line.find_first_not_of(kJsonBlanks) == std::string::npos || line.starts_with('#')) continue;
    Json row = parse(line);
    if (!row.is_object()) {
      fail_data("{}: line {}: not a JSON object; the file may be cut off or not be JSON at all", name, number);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

Table table_of_json(const std::vector<Json>& rows, const std::string& name) {
  Table table{.name = name, .header = {}, .rows = {}, .lines = {}, .dialect = {"JSON"}};
  std::vector<std::map<std::string, std::string>> cells(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) flatten(rows[i], "", cells[i], table.header);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::string> row;
    for (const std::string& column : table.header) {
      const auto it = cells[i].find(column);
      row.push_back(it == cells[i].end() ? "" : it->second);
    }
    table.rows.push_back(std::move(row));
    table.lines.push_back(i + 1);
  }
  return table;
}

}  // namespace scalelaw::inline core
