#include "core/csv.hpp"

#include <csv.h>

#include <algorithm>
#include <memory>

#include "os/error.hpp"
#include "os/files.hpp"

namespace scalelaw::inline core {
namespace {

struct Collector {
  CsvRows out;
  std::vector<std::string> row;
  std::size_t line = 0;  ///< where the row begins
  bool open = false;     ///< a row has begun and not ended: a quoted cell goes on
};
void on_cell(void* text, std::size_t size, void* data) {
  auto* c = static_cast<Collector*>(data);
  c->row.emplace_back(text == nullptr ? "" : static_cast<const char*>(text), text == nullptr ? 0 : size);
}
void on_row(int /*end*/, void* data) {
  auto* c = static_cast<Collector*>(data);
  c->out.rows.push_back(std::move(c->row));
  c->out.lines.push_back(c->line);
  c->row.clear();
  c->open = false;
}

}  // namespace

std::size_t CsvTable::column(std::string_view name) const {
  const auto it = std::ranges::find(header, name);
  return it == header.end() ? npos : static_cast<std::size_t>(it - header.begin());
}

CsvRows csv_rows(std::string_view text, char delimiter, bool comments, const std::string& name) {
  csv_parser parser;
  if (csv_init(&parser, CSV_APPEND_NULL) != 0) fail_device("{}: the CSV parser could not start", name);
  const std::unique_ptr<csv_parser, void (*)(csv_parser*)> guard(&parser, csv_free);
  csv_set_delim(&parser, static_cast<unsigned char>(delimiter));
  Collector collector;
  std::size_t number = 0;
  while (!text.empty()) {
    // A lone carriage return ends a line too, as in files of old spreadsheets.
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size() - 1);
    const bool pair = text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n';
    const std::string_view line = text.substr(0, end + (pair ? 2 : 1));
    text.remove_prefix(line.size());
    ++number;
    if (!collector.open) {
      if (line.find_first_not_of(" \t\r\n") == line.npos) continue;
      if (comments && line.starts_with('#')) {
        collector.out.comments.emplace_back(line.substr(1, line.find_last_not_of("\r\n")));
        continue;
      }
      collector.line = number;
      collector.open = true;
    }
    if (csv_parse(&parser, line.data(), line.size(), on_cell, on_row, &collector) != line.size()) {
      fail_data("{}: row {}: {}", name, collector.line, csv_strerror(csv_error(&parser)));
    }
  }
  csv_fini(&parser, on_cell, on_row, &collector);
  return std::move(collector.out);
}

CsvTable read_csv(const std::filesystem::path& path) {
  std::string text = read_text_file(path);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // byte order mark of spreadsheet programs
  CsvRows all = csv_rows(text, ',', false, path.string());
  if (all.rows.empty()) fail_data("{}: is empty; a header row and data rows are needed", path.string());
  CsvTable table{.header = std::move(all.rows.front()), .rows = {}};
  all.rows.erase(all.rows.begin());
  table.rows = std::move(all.rows);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].size() == table.header.size()) continue;
    fail_data("{}: row {} has {} cells, the header has {}", path.string(), all.lines[i + 1], table.rows[i].size(),
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

}  // namespace scalelaw::inline core
