#include "core/format.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace scalelaw {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

std::string exact_number(double x) { return fmt::format("{}", x); }

std::string short_count(double x) {
  constexpr std::array<const char*, 5> suffixes = {"", "k", "M", "B", "T"};
  if (!std::isfinite(x) || std::abs(x) >= 1e16) return fmt::format("{:.3g}", x);
  std::size_t i = 0;
  while (i + 1 < suffixes.size() && std::abs(x) >= 999.5) {
    x /= 1000;
    ++i;
  }
  return fmt::format("{:.3g}{}", x, suffixes[i]);
}

std::string short_bytes(double bytes) {
  constexpr double kMib = 1048576, kGib = 1024 * kMib;
  return bytes < kGib ? fmt::format("{:.0f} MiB", bytes / kMib) : fmt::format("{:.1f} GiB", bytes / kGib);
}

std::string short_duration(double seconds) {
  if (!std::isfinite(seconds)) return "unknown";
  if (seconds < 1) return fmt::format("{:.0f} ms", seconds * 1000);
  const auto s = static_cast<long>(std::llround(seconds));
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m {:02}s", s / 60, s % 60);
  return fmt::format("{}h {:02}m", s / 3600, s / 60 % 60);
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

}  // namespace scalelaw
