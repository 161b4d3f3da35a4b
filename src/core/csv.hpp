#pragma once
// Small CSV tables (RFC 4180), read with libcsv.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scalelaw::inline core {

struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header

  /// Index of a column, or npos.
  [[nodiscard]] std::size_t column(std::string_view name) const;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

/// Errors (data): unreadable, empty, or a row whose number of cells differs from the header's.
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);

/// Cells as they stand, with the line (from 1) on which each row begins.
struct CsvRows {
  std::vector<std::vector<std::string>> rows;  ///< of any length; blank lines are none
  std::vector<std::size_t> lines;
  std::vector<std::string> comments;  ///< lines that begin with '#', without it
};

/// @param name for messages @param comments lines that begin with '#' are none of the rows
/// Errors (data): what libcsv cannot read.
[[nodiscard]] CsvRows csv_rows(std::string_view text, char delimiter, bool comments, const std::string& name);

/// One cell, quoted where it has to be.
[[nodiscard]] std::string csv_cell(std::string_view text);

}  // namespace scalelaw::inline core
