#pragma once
// Rows and columns of text in whichever form they come: separated values of several dialects, JSON, JSON lines.
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/json.hpp"

namespace scalelaw {

struct Table {
  std::string name;  ///< of the file, for messages
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
  std::vector<std::size_t> lines;              ///< of each row: its line in the file, or its number in a JSON array
  std::vector<std::string> dialect;            ///< what is not plain: "semicolon separated", "2 comment lines", "gzip"
};

/// How many cells of a header row are names that the caller knows: tells delimiters apart.
using KnownNames = std::function<std::size_t(const std::vector<std::string>&)>;

/// @param path a file, or "-" for standard input (core/input_text.hpp says what is undone)
/// @param delimiter between the cells; 0: one of , ; tab | or blanks, the one under which the header has most known
/// names. Comment lines begin with '#'; where all rows are numbers, the last comment before them may be the header.
/// Errors (data): empty, rows longer or shorter than the header; damaged JSON, with its line; a choice of delimiters
/// that the names do not settle.
[[nodiscard]] Table read_table(const std::filesystem::path& path, char delimiter, const KnownNames& known);
[[nodiscard]] Table table_of_text(const std::string& text, const std::string& name, char delimiter,
                                  const KnownNames& known);

/// Whether text is JSON: an array, an object or a line of either.
[[nodiscard]] bool is_json(const std::string& text);
/// The rows of a JSON text: an array of objects, an object that holds one, an object of columns, or one object a line.
/// NaN and Infinity, which JSON does not have but Python writes, are null. Errors (data): damaged, with the line; no
/// rows in it.
[[nodiscard]] std::vector<Json> json_rows(const std::string& text, const std::string& name);
/// Objects as a table: keys of nested ones joined by '/', numbers as their exact text, null as an empty cell.
[[nodiscard]] Table table_of_json(const std::vector<Json>& rows, const std::string& name);

}  // namespace scalelaw
