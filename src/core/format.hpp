#pragma once
// Numbers and tables for people and for files.
#include <string>
#include <vector>

namespace scalelaw {

/// Shortest decimal text that reads back to the same double.
[[nodiscard]] std::string exact_number(double x);
/// "1.5k", "23.1M", "175B", "1.7T": 3 significant digits with the suffix that the field writes; 1e16 and more in
/// exponent form.
[[nodiscard]] std::string short_count(double x);
/// "850 MiB", "1.5 GiB": memory.
[[nodiscard]] std::string short_bytes(double bytes);
/// "2m 05s", "1h 03m", "850 ms"
[[nodiscard]] std::string short_duration(double seconds);
/// UTC now, "2026-01-31T12:00:00Z".
[[nodiscard]] std::string utc_now();

/// Rows of cells as aligned text: first column left, the others right, a rule under the header; columns count
/// characters, not bytes (UTF-8).
[[nodiscard]] std::string text_table(const std::vector<std::string>& header,
                                     const std::vector<std::vector<std::string>>& rows);

}  // namespace scalelaw
