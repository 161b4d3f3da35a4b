#include "core/format.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace scalelaw::inline core {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string exact_number(double x) { return fmt::format("{}", x); }

std::string short_count(double x) {
  constexpr std::array<const char*, 5> kSuffixes = {"", "k", "M", "B", "T"};
  constexpr double kRoundsUp = 999.5;  // three digits round it to 1000
  if (!std::isfinite(x)) return fmt::format("{}", x);
  if (x != 0 && (std::abs(x) < 1e-3 || std::abs(x) >= kRoundsUp * 1e12)) return power_text(x);
  std::size_t i = 0;
  while (i + 1 < kSuffixes.size() && std::abs(x) >= kRoundsUp) {
    x /= 1000;
    ++i;
  }
  return fmt::format("{:.3g}{}", x, kSuffixes[i]);
}

std::string power_text(double x, int digits) {
  if (!std::isfinite(x)) return "–";
  if (x == 0) return "0";
  const std::string text = fmt::format("{:.{}e}", x, digits - 1);  // d.dde+XX
  const std::size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  while (mantissa.find('.') != std::string::npos && mantissa.back() == '0') mantissa.pop_back();
  if (mantissa.back() == '.') mantissa.pop_back();
  static constexpr std::array<const char*, 10> kSuperscripts = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string exponent;
  for (const char c : fmt::format("{}", std::stoi(text.substr(e + 1)))) {
    exponent += c == '-' ? "⁻" : kSuperscripts.at(static_cast<std::size_t>(c - '0'));
  }
  if (mantissa == "1" || mantissa == "-1") return mantissa.substr(0, mantissa.size() - 1) + "10" + exponent;
  return mantissa + "×10" + exponent;
}

std::string factor_text(double x) {
  if (!std::isfinite(x)) return fmt::format("{}", x);
  if (x != 0 && (std::abs(x) < 1e-3 || std::abs(x) >= 999500)) return power_text(x);
  if (std::abs(x) < 999.5) return fmt::format("{:.3g}", x);
  const double unit = std::pow(10.0, std::floor(std::log10(std::abs(x))) - 2);
  return fmt::format("{:.0f}", std::round(x / unit) * unit);
}

std::string counted(std::int64_t count, std::string_view one, std::string_view many) {
  if (count == 1) return fmt::format("1 {}", one);
  return many.empty() ? fmt::format("{} {}s", count, one) : fmt::format("{} {}", count, many);
}

std::string short_bytes(double bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (!std::isfinite(bytes)) return "unknown";
  double x = bytes / 1024;
  std::size_t i = 0;
  while (i + 1 < kUnits.size() && std::abs(x) >= 1023.5) {
    x /= 1024;
    ++i;
  }
  return i < 2 ? fmt::format("{:.0f} {}", x, kUnits[i]) : fmt::format("{:.1f} {}", x, kUnits[i]);
}

std::string short_duration(double seconds) {
  constexpr double kDay = 86400, kYear = 365.25 * kDay;
  if (!std::isfinite(seconds) || seconds < 0) return "unknown";
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1000);
  if (seconds >= 2 * kYear) {
    const double years = seconds / kYear;
    return fmt::format("{} years", years < 99.95 ? fmt::format("{:.1f}", years) : factor_text(years));
  }
  const auto s = static_cast<long>(std::llround(seconds));
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m {:02}s", s / 60, s % 60);
  if (s < 2 * 86400) return fmt::format("{}h {:02}m", s / 3600, s / 60 % 60);
  return fmt::format("{}d {:02}h", s / 86400, s / 3600 % 24);
}

std::string utc_now() {
  const auto now = std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%FT%TZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
}

std::string text_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(header.size());
  const auto widen = [&](const std::vector<std::string>& row) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  };
  widen(header);
  for (const auto& row : rows) widen(row);
  std::string out;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += (i > 0 ? "  " : "") + (i == 0 ? row[i] + padding : padding + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  };
  append(header);
  std::size_t total = 0;
  for (const std::size_t w : widths) total += w + 2;
  out += std::string(total > 2 ? total - 2 : 0, '-') + '\n';
  for (const auto& row : rows) append(row);
  return out;
}

}  // namespace scalelaw::inline core
