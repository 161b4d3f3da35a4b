#pragma once
// The text of a file that people have: compressed, in UTF-16, with a byte order mark, or on standard input.
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace scalelaw::inline core {

struct InputText {
  std::string text;                ///< UTF-8 without a byte order mark
  std::string name;                ///< for messages: the path, or "standard input"
  std::vector<std::string> notes;  ///< what was undone: "gzip", "UTF-16"
};

/// @param path a file, or "-" for standard input
/// gzip is known by its first bytes, UTF-16 by its byte order mark. Errors (data): unreadable; damaged gzip; what is no
/// text at all, by name (a spreadsheet, a Parquet file).
[[nodiscard]] InputText read_input_text(const std::filesystem::path& path);

/// The bytes inflated; members after the first are joined. Errors (data): damaged or cut off.
[[nodiscard]] std::string gunzip(std::string_view bytes, const std::string& name);

}  // namespace scalelaw::inline core
