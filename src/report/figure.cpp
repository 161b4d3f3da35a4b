#include "report/figure.hpp"

#include <fmt/format.h>

#include <cmath>

namespace scalelaw {

std::string series_color(std::size_t i, std::size_t n) {
  if (n <= kPalette.size()) return kPalette.at(i % kPalette.size());
  // Anchors of viridis (van der Walt and Smith 2015); its light yellow end is left out: unreadable on white.
  constexpr std::array<std::array<double, 3>, 6> anchors = {
      {{68, 1, 84}, {65, 68, 135}, {42, 120, 142}, {34, 168, 132}, {122, 209, 81}, {189, 200, 30}}};
  const double t = static_cast<double>(i) / static_cast<double>(n - 1) * static_cast<double>(anchors.size() - 1);
  const auto k = std::min(static_cast<std::size_t>(t), anchors.size() - 2);
  const double f = t - static_cast<double>(k);
  const auto mix = [&](std::size_t c) {
    return static_cast<int>(std::lround(anchors.at(k).at(c) * (1 - f) + anchors.at(k + 1).at(c) * f));
  };
  return fmt::format("#{:02X}{:02X}{:02X}", mix(0), mix(1), mix(2));
}

}  // namespace scalelaw
