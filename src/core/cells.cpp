#include "core/cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace scalelaw::inline core {
namespace {

using namespace std::string_view_literals;

// Blanks that spreadsheets put between thousands and around cells: no-break, narrow no-break, thin.
constexpr std::array kWideBlanks = {"\xC2\xA0"sv, "\xE2\x80\xAF"sv, "\xE2\x80\x89"sv};
constexpr std::string_view kCurlyApostrophe = "\xE2\x80\x99";
constexpr std::string_view kTimes = "\xC3\x97";      // the sign of multiplication
constexpr std::string_view kMinus = "\xE2\x88\x92";  // typographic

bool digit(char c) { return c >= '0' && c <= '9'; }

std::string replaced(std::string_view text, std::string_view from, char to) {
  std::string out;
  while (!text.empty()) {
    const bool here = text.starts_with(from);
    out += here ? to : text.front();
    text.remove_prefix(here ? from.size() : 1);
  }
  return out;
}

/// A cell in its parts: sign, digits with marks, exponent of ten, suffix.
struct Parts {
  bool negative = false;
  std::string body;  ///< digits, '.' and ','
  int exponent = 0;
  bool has_exponent = false;
  std::string suffix;
};

/// Blanks, apostrophes and underscores between digits fall away where three digits or a whole group follow.
std::optional<std::string> without_gaps(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != ' ' && c != '\'' && c != '_') {
      out += c;
      continue;
    }
    if (out.empty() || !digit(out.back()) || i + 1 >= text.size() || !digit(text[i + 1])) return std::nullopt;
    if (c == '_') continue;
    std::size_t n = 0;
    while (i + 1 + n < text.size() && digit(text[i + 1 + n])) ++n;
    if (n != 3) return std::nullopt;
  }
  return out;
}

std::optional<Parts> split(std::string_view cell) {
  std::string text(trimmed(cell));
  for (const std::string_view blank : kWideBlanks) text = replaced(text, blank, ' ');
  text = replaced(replaced(text, kCurlyApostrophe, '\''), kMinus, '-');
  text = replaced(replaced(text, kTimes, 'x'), "*", 'x');
  Parts parts;
  std::size_t i = 0;
  if (i < text.size() && (text[i] == '+' || text[i] == '-')) parts.negative = text[i++] == '-';
  std::size_t end = i;
  while (end < text.size() && (digit(text[end]) || "., '_"sv.find(text[end]) != std::string_view::npos)) ++end;
  while (end > i && text[end - 1] == ' ') --end;
  const auto body = without_gaps(std::string_view(text).substr(i, end - i));
  if (!body) return std::nullopt;
  parts.body = *body;
  std::string rest(trimmed(std::string_view(text).substr(end)));
  // 1.2x10^18 and 10^18 read as exponents.
  std::string tight = rest;
  std::erase(tight, ' ');
  if (parts.body == "10" && tight.starts_with("^")) {
    parts.body = "1";
    tight[0] = 'e';
  } else if (tight.starts_with("x10^")) {
    tight.erase(0, 3);
    tight[0] = 'e';
  }
  if (!tight.empty() && (tight[0] == 'e' || tight[0] == 'E')) {
    const char* first = tight.data() + 1 + (tight.size() > 1 && tight[1] == '+' ? 1 : 0);
    const auto parsed = std::from_chars(first, tight.data() + tight.size(), parts.exponent);
    if (parsed.ec == std::errc{}) {
      parts.has_exponent = true;
      rest = tight.substr(static_cast<std::size_t>(parsed.ptr - tight.data()));
    }
  }
  parts.suffix = rest;
  if (parts.body.empty() || std::ranges::none_of(parts.body, digit)) return std::nullopt;
  return parts;
}

/// Whether `mark` divides the digits before `end` into groups of three.
bool grouped(std::string_view body, char mark) {
  std::size_t run = 0, groups = 0;
  for (std::size_t i = body.size(); i-- > 0;) {
    if (body[i] != mark) {
      if (!digit(body[i])) return false;
      ++run;
      continue;
    }
    if (run != 3) return false;
    run = 0;
    ++groups;
  }
  return groups > 0 && run >= 1 && run <= 3 && body[0] != '0';
}

/// Evidence of one mark alone in the body, seen as either.
MarkEvidence single_mark(const Parts& p, char mark, bool small) {
  const std::size_t at = p.body.find(mark);
  const std::size_t before = at, after = p.body.size() - at - 1;
  const bool group = after == 3 && before >= 1 && before <= 3 && p.body[0] != '0' && !p.has_exponent && !small;
  if (mark == ',') return group ? MarkEvidence::comma_or_group : MarkEvidence::comma;
  return group ? MarkEvidence::point_likely : MarkEvidence::point;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  for (bool more = true; more;) {
    more = false;
    while (!text.empty() && " \t\r\n"sv.find(text.front()) != text.npos) text.remove_prefix(1);
    while (!text.empty() && " \t\r\n"sv.find(text.back()) != text.npos) text.remove_suffix(1);
    for (const std::string_view blank : kWideBlanks) {
      if (text.starts_with(blank)) text.remove_prefix(blank.size()), more = true;
      if (text.ends_with(blank)) text.remove_suffix(blank.size()), more = true;
    }
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::optional<int> unit_exponent(std::string_view unit) {
  static const std::vector<std::pair<const char*, int>> names = {
      {"k", 3},        {"thousand", 3}, {"thousands", 3}, {"m", 6},         {"mn", 6},        {"mio", 6},
      {"million", 6},  {"millions", 6}, {"b", 9},         {"bn", 9},        {"g", 9},         {"billion", 9},
      {"billions", 9}, {"t", 12},       {"tn", 12},       {"trillion", 12}, {"trillions", 12}};
  const std::string name = lower(trimmed(unit));
  for (const auto& [known, exponent] : names) {
    if (name == known) return exponent;
  }
  for (const std::string_view prefix : {"1e", "10^", "e", "x1e", "x10^"}) {
    int exponent = 0;
    if (!name.starts_with(prefix)) continue;
    const char* first = name.data() + prefix.size() + (name.substr(prefix.size()).starts_with('+') ? 1 : 0);
    const auto parsed = std::from_chars(first, name.data() + name.size(), exponent);
    if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) return exponent;
  }
  return std::nullopt;
}

std::string unit_name(int exponent) {
  switch (exponent) {
    case 3:
      return "thousands";
    case 6:
      return "millions";
    case 9:
      return "billions";
    case 12:
      return "trillions";
    default:
      return fmt::format("1e{}", exponent);
  }
}

MarkEvidence mark_evidence(std::string_view cell, bool small) {
  const std::optional<Parts> p = split(cell);
  if (!p || (!p->suffix.empty() && !unit_exponent(p->suffix))) return MarkEvidence::none;
  const auto commas = std::ranges::count(p->body, ','), points = std::ranges::count(p->body, '.');
  if (commas == 0 && points == 0) return MarkEvidence::none;
  if (commas > 0 && points > 0) {
    const bool point_last = p->body.rfind('.') > p->body.rfind(',');
    if (point_last) return points == 1 ? MarkEvidence::point : MarkEvidence::none;
    return commas == 1 ? MarkEvidence::comma : MarkEvidence::none;
  }
  if (commas > 1) return grouped(p->body, ',') ? MarkEvidence::point : MarkEvidence::none;
  if (points > 1) return grouped(p->body, '.') ? MarkEvidence::comma : MarkEvidence::none;
  return single_mark(*p, commas == 1 ? ',' : '.', small);
}

namespace {

/// A number as written; `beyond` where it is one that no double holds.
std::optional<double> parse_written(std::string_view cell, const NumberForm& form, bool& beyond) {
  double value = 0;
  beyond = false;
  const std::string_view plain = trimmed(cell);
  if (!form.decimal_comma && form.exponent == 0) {  // as files of our own write it
    const std::string_view digits = plain.starts_with('+') ? plain.substr(1) : plain;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size()) return value;
  }
  const std::optional<Parts> p = split(plain);
  if (!p) return std::nullopt;
  int exponent = p->exponent + form.exponent;
  if (!p->suffix.empty()) {
    const std::optional<int> unit = form.suffix ? unit_exponent(p->suffix) : std::nullopt;
    if (!unit) return std::nullopt;
    // A unit of the cell stands for that of the column.
    exponent = p->exponent + *unit;
  }
  const char decimal = form.decimal_comma ? ',' : '.', between = form.decimal_comma ? '.' : ',';
  const std::string_view whole = std::string_view(p->body).substr(0, p->body.find(decimal));
  if (whole.find(between) != whole.npos && !grouped(whole, between)) return std::nullopt;
  if (std::ranges::count(p->body, decimal) > 1) return std::nullopt;
  if (whole.size() < p->body.size() && p->body.find(between, whole.size()) != std::string::npos) return std::nullopt;
  std::string text = p->negative ? "-" : "";
  text += p->body;
  std::erase(text, between);
  std::ranges::replace(text, decimal, '.');
  if (exponent != 0) text += fmt::format("e{}", exponent);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole_text = parsed.ptr == text.data() + text.size();
  beyond = whole_text && parsed.ec == std::errc::result_out_of_range;
  if (parsed.ec != std::errc{} || !whole_text) return std::nullopt;
  return value;
}

}  // namespace

std::optional<double> parse_number(std::string_view cell, const NumberForm& form) {
  bool beyond = false;
  return parse_written(cell, form, beyond);
}

bool beyond_range(std::string_view cell, const NumberForm& form) {
  bool beyond = false;
  (void)parse_written(cell, form, beyond);
  return beyond;
}

bool looks_numeric(std::string_view cell) {
  return !is_missing(cell) &&
         (parse_number(cell, {.suffix = true}) || parse_number(cell, {.decimal_comma = true, .suffix = true}));
}

bool is_missing(std::string_view cell) {
  static const std::vector<std::string> words = {
      "",        "none",      "null",     "na",           "n/a",          "#n/a",        "-",         "--",
      "?",       "inf",       "+inf",     "-inf",         "infinity",     "-infinity",   "+infinity", "missing",
      "nil",     "undefined", "diverged", "diverge",      "crashed",      "crash",       "failed",    "fail",
      "error",   "oom",       "killed",   "tbd",          "pending",      "running",     "#num!",     "#div/0!",
      "#value!", "#ref!",     ".",        "\xE2\x80\x93", "\xE2\x80\x94", "\xE2\x88\x9E"};
  const std::string word = lower(trimmed(cell));
  return word.starts_with("nan") || word.starts_with("-nan") || std::ranges::find(words, word) != words.end();
}

std::optional<double> parse_count(std::string_view text) { return parse_number(text, {.suffix = true}); }

}  // namespace scalelaw::inline core
