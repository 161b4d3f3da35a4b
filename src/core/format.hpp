#pragma once
// Numbers and tables for people and for files.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace scalelaw::inline core {

/// Shortest decimal text that reads back to the same double.
[[nodiscard]] std::string exact_number(double x);
/// "1.5k", "23.1M", "175B", "1.7T": 3 significant digits with the suffix that the field writes; as power_text from 1e15
/// on and below 1e-3; "inf", "nan" where it is not finite.
[[nodiscard]] std::string short_count(double x);
/// "3×10¹¹", "1.58×10¹²", "10¹¹": 3 significant digits, or as many as asked for; for FLOPs. The one way in which powers
/// of ten are written for people; "–" where it is not finite.
[[nodiscard]] std::string power_text(double x, int digits = 3);
/// How many times: "1.96", "31", "1960", "2×10⁷": 3 significant digits, a power from a million on and below 1e-3;
/// "inf", "nan" where it is not finite.
[[nodiscard]] std::string factor_text(double x);
/// "1 run", "3 runs", "2 losses": a number with its noun; `many` where an s is not enough.
[[nodiscard]] std::string counted(std::int64_t count, std::string_view one, std::string_view many = "");
/// "64 KiB", "850 MiB", "1.5 GiB", "71.4 TiB": memory and disk space.
[[nodiscard]] std::string short_bytes(double bytes);
/// "850 ms", "2m 05s", "1h 03m", "3d 04h" from two days on, "2.6 years" from two years on; "unknown" where it is not
/// finite or negative.
[[nodiscard]] std::string short_duration(double seconds);
/// UTC now, "2026-01-31T12:00:00Z".
[[nodiscard]] std::string utc_now();

/// Rows of cells as aligned text: first column left, the others right, a rule under the header; columns count
/// characters, not bytes (UTF-8).
[[nodiscard]] std::string text_table(const std::vector<std::string>& header,
                                     const std::vector<std::vector<std::string>>& rows);

}  // namespace scalelaw::inline core
