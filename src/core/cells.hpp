#pragma once
// Numbers as people write them: 1e9, 70M, 1.4 B, 117,933,375, 20_000_000, 3,55, 1.2x10^18.
#include <optional>
#include <string>
#include <string_view>

namespace scalelaw::inline core {

/// What a decimal mark may be, as one cell tells it.
enum class MarkEvidence {
  none,           ///< no mark, or no number
  point,          ///< only a point can be it: 3.5512, 1,234.5, 117,933,375
  comma,          ///< only a comma can be it: 3,5512, 1.234,5
  point_likely,   ///< 1.234: a point, unless other cells say comma
  comma_or_group  ///< 1,234: either a comma is it, or commas stand between thousands
};

struct NumberForm {
  bool decimal_comma = false;  ///< else a point; the other mark stands between thousands
  bool suffix = false;         ///< k, M, B, G, T, million, ... are allowed behind it
  int exponent = 0;            ///< of ten: the unit of the column
};

/// @param small a quantity that never reaches a thousand (a loss): its single mark is the decimal one
[[nodiscard]] MarkEvidence mark_evidence(std::string_view cell, bool small);

/// The nearest double to the number written; none where it is no such number.
[[nodiscard]] std::optional<double> parse_number(std::string_view cell, const NumberForm& form);

/// Whether a number is written that is too large or too small for a double, as 1e999 is.
[[nodiscard]] bool beyond_range(std::string_view cell, const NumberForm& form);

/// A number under some form, with or without a suffix.
[[nodiscard]] bool looks_numeric(std::string_view cell);

/// Empty, NaN, None, null, NA, inf, "diverged" and the like: there is no number.
[[nodiscard]] bool is_missing(std::string_view cell);

/// "M", "millions", "1e6", "10^6" -> 6; none for what is no power of ten by name. "m" counts as million.
[[nodiscard]] std::optional<int> unit_exponent(std::string_view unit);
/// 6 -> "millions"; 5 -> "1e5"
[[nodiscard]] std::string unit_name(int exponent);

/// Text without blanks around it, no-break ones included, and in lower case (ASCII).
[[nodiscard]] std::string_view trimmed(std::string_view text);
[[nodiscard]] std::string lower(std::string_view text);

/// A count as people and this program print it: "70B", "1.4T", "512k", "1e9", "20_000_000", "117,933,375" -> the
/// number. None where it is none.
[[nodiscard]] std::optional<double> parse_count(std::string_view text);

}  // namespace scalelaw::inline core
