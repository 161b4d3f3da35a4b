#include "report/figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/text.hpp"
#include "core/format.hpp"

namespace scalelaw::inline report {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kRoom = 0.04;

void widen(Span& span, const std::vector<double>& values) {
  for (const double x : values) {
    if (!std::isfinite(x)) continue;
    span.low = std::min(span.low, x);
    span.high = std::max(span.high, x);
  }
}

Span with_room(const Span& span, Scaling scaling) {
  if (!(span.low <= span.high)) return {1, 10};
  if (scaling != Scaling::linear) {
    const double room = std::max(kRoom * std::log(span.high / span.low), 0.02);
    return {span.low * std::exp(-room), span.high * std::exp(room)};
  }
  // One value alone: some range around it, so that it has an axis at all.
  const double room = span.high > span.low ? kRoom * (span.high - span.low) : std::max(0.1 * std::abs(span.low), 0.1);
  return {span.low - room, span.high + room};
}

std::string tick_label(double x, Scaling scaling) {
  if (scaling == Scaling::log_powers) return power_text(x);
  return scaling == Scaling::log_plain ? number_text(x) : short_count(x);
}

}  // namespace

Span x_span(const Panel& panel) {
  if (panel.surface) return {panel.surface->x.front(), panel.surface->x.back()};
  Span span{kInfinity, -kInfinity};
  for (const auto& s : panel.series) widen(span, s.x);
  return with_room(span, panel.x.scaling);
}

Span y_span(const Panel& panel) {
  if (panel.surface) return {panel.surface->y.front(), panel.surface->y.back()};
  Span span{kInfinity, -kInfinity};
  for (const auto& s : panel.series) {
    for (const auto* values : {&s.y, &s.low, &s.high}) widen(span, *values);
  }
  return with_room(span, panel.y.scaling);
}

std::vector<Tick> log_ticks(const Span& span, Scaling scaling) {
  const double decades = std::log10(span.high / span.low);
  std::vector<double> steps = {1};
  if (decades < 0.25) {
    steps = {1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2, 2.2, 2.4, 2.6, 2.8, 3, 3.5, 4, 4.5, 5, 5.5, 6, 7, 8, 9};
  } else if (decades < 0.7) {
    steps = {1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9};
  } else if (decades < 2.5) {
    steps = {1, 2, 5};
  }
  if (scaling == Scaling::log_powers && decades < 0.7) steps = {1, 1.5, 2, 3, 5, 7};  // their labels are long
  const int every = std::max(1, static_cast<int>(std::ceil(decades / 8)));
  std::vector<Tick> ticks;
  for (int k = static_cast<int>(std::floor(std::log10(span.low))); k <= std::log10(span.high); ++k) {
    if (steps.size() == 1 && k % every != 0) continue;
    for (const double step : steps) {
      const double x = step * std::pow(10.0, k);
      if (x >= span.low && x <= span.high) ticks.push_back({x, tick_label(x, scaling)});
    }
  }
  return ticks;
}

std::string series_color(std::size_t i, std::size_t n) {
  if (n <= kPalette.size()) return kPalette.at(i % kPalette.size());
  // Anchors of viridis (van der Walt and Smith 2015); its light yellow end is left out: unreadable on white.
  constexpr std::array<std::array<double, 3>, 6> kAnchors = {
      {{68, 1, 84}, {65, 68, 135}, {42, 120, 142}, {34, 168, 132}, {122, 209, 81}, {189, 200, 30}}};
  const double t = static_cast<double>(i) / static_cast<double>(n - 1) * static_cast<double>(kAnchors.size() - 1);
  const auto k = std::min(static_cast<std::size_t>(t), kAnchors.size() - 2);
  const double f = t - static_cast<double>(k);
  const auto mix = [&](std::size_t c) {
    return static_cast<int>(std::lround(kAnchors.at(k).at(c) * (1 - f) + kAnchors.at(k + 1).at(c) * f));
  };
  return fmt::format("#{:02X}{:02X}{:02X}", mix(0), mix(1), mix(2));
}

}  // namespace scalelaw::inline report
