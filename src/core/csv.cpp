#include "core/csv.hpp"

#include <csv.h>

#include <algorithm>
#include <memory>

#include "core/error.hpp"
#include "core/files.hpp"

namespace scalelaw {
namespace {

struct Collector {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
};
void on_cell(void* text, std::size_t size, void* data) {
  auto* c = static_cast<Collector*>(data);
  c->row.emplace_back(text == nullptr ? "" : static_cast<const char*>(text), text == nullptr ? 0 : size);
}
void on_row(int /*end*/, void* data) {
  auto* c = static_cast<Collector*>(data);
  c->rows.push_back(std::move(c->row));
  c->row.clear();
}

}  // namespace

std::size_t CsvTable::column(std::string_view name) const {
  const auto it = std::ranges::find(header, name);
  return it == header.end() ? npos : static_cast<std::size_t>(it - header.begin());
}

CsvTable read_csv(const std::filesystem::path& path) {
  std::string text = read_text_file(path);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // byte order mark of spreadsheet programs
  csv_parser parser;
  if (csv_init(&parser, CSV_APPEND_NULL) != 0) fail_device("{}: the CSV parser could not start", path.string());
  const std::unique_ptr<csv_parser, void (*)(csv_parser*)> guard(&parser, csv_free);
  Collector collector;
  if (csv_parse(&parser, text.data(), text.size(), on_cell, on_row, &collector) != text.size()) {
    fail_data("{}: row {}: {}", path.string(), collector.rows.size() + 1, csv_strerror(csv_error(&parser)));
  }
  csv_fini(&parser, on_cell, on_row, &collector);
  if (collector.rows.empty()) fail_data("{}: is empty; a header row and data rows are needed", path.string());
  CsvTable table{.header = std::move(collector.rows.front()), .rows = {}};
  collector.rows.erase(collector.rows.begin());
  table.rows = std::move(collector.rows);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].size() == table.header.size()) continue;
    fail_data("{}: row {} has {} cells, the header has {}", path.string(), i + 2, table.rows[i].size(),
              table.header.size());
  }
  return table;
}

std::string csv_cell(std::string_view text) {
  const std::string_view blanks = " \t";  // readers trim them around a cell that is not quoted
  const bool trimmed =
      !text.empty() && (blanks.find(text.front()) != blanks.npos || blanks.find(text.back()) != blanks.npos);
  if (!trimmed && text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace scalelaw
