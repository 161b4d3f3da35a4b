#pragma once
// Rows and columns of text in whichever form they come: separated values of several dialects, JSON, JSON lines.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/table.hpp"

namespace scalelaw::inline core {

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

}  // namespace scalelaw::inline core
