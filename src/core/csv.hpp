#pragma once
// Small CSV tables (RFC 4180), read with libcsv.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scalelaw {

struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header

  /// Index of a column, or npos.
  [[nodiscard]] std::size_t column(std::string_view name) const;
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);
};

/// Errors (data): unreadable, empty, or a row whose number of cells differs from the header's.
[[nodiscard]] CsvTable read_csv(const std::filesystem::path& path);

/// One cell, quoted where it has to be.
[[nodiscard]] std::string csv_cell(std::string_view text);

}  // namespace scalelaw
