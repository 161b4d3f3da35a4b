#include "records/read_report.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/format.hpp"
#include "core/stats.hpp"

namespace scalelaw::inline records {
namespace {

constexpr double kOwnFlops = 0.25;  // in ln C: exact counts of small models differ by less
constexpr std::size_t kNamed = 5;   // rows left out that a line names

/// "M" for 6
char unit_letter(int exponent) {
  constexpr std::array<char, 5> kLetters = {' ', 'k', 'M', 'B', 'T'};
  return kLetters.at(static_cast<std::size_t>(exponent / 3));
}

std::string range_text(const std::vector<Observation>& points, double Observation::*member) {
  const auto [low, high] = std::ranges::minmax_element(points, {}, member);
  return fmt::format("{} to {}", short_count((*low).*member), short_count((*high).*member));
}

/// Exponents of the units in which params and tokens seem to be written, of sizes that people train.
struct Units {
  int params = 0, tokens = 0;
};
Units likely_units(const std::vector<Observation>& points) {
  const double least = std::ranges::min(points, {}, &Observation::params).params;
  const double most = std::ranges::max(points, {}, &Observation::tokens).tokens;
  Units units;
  if (least < 1e3) units.params = least < 5 ? 9 : 6;
  if (most < 1e5) units.tokens = 9;
  return units;
}

std::string options_for(const Units& units) {
  std::vector<std::string> options;
  if (units.params > 0) options.push_back(fmt::format("--params-unit {}", unit_letter(units.params)));
  if (units.tokens > 0) options.push_back(fmt::format("--tokens-unit {}", unit_letter(units.tokens)));
  return fmt::format("{}", fmt::join(options, " "));
}

/// C given that is 6ND times nearly the same power of a thousand at every row.
std::string scaled_flops(const std::vector<Observation>& points) {
  std::vector<double> logs;
  for (const Observation& o : points) logs.push_back(std::log10(o.flops / (6 * o.params * o.tokens)));
  const double middle = quantile(logs, 0.5);
  const int k = static_cast<int>(std::lround(middle / 3));
  const auto [low, high] = std::ranges::minmax(logs);
  if (k == 0 || std::abs(middle - 3 * k) > 0.5 || high - low > 1) return "";
  std::string text = fmt::format("C is about 1e{} times 6 N D at every row (N {}, D {})", 3 * k,
                                 range_text(points, &Observation::params), range_text(points, &Observation::tokens));
  const Units units = likely_units(points);
  if (units.params + units.tokens == 3 * k) return text + "; to scale them say " + options_for(units);
  if (k > 0 && k <= 4) {
    return text + fmt::format("; if tokens are in units say --tokens-unit {0}, if params are --params-unit {0}",
                              unit_letter(3 * k));
  }
  if (k < 0 && k >= -4) return text + fmt::format("; if C is in units say --flops-unit {}", unit_letter(-3 * k));
  return text + "; one of the three columns is in another unit (--params-unit, --tokens-unit, --flops-unit)";
}

/// C that is not 6 N D, though not by a unit: what takes which.
std::string own_flops(const std::vector<Observation>& points) {
  std::vector<double> ratio;
  for (const Observation& o : points) ratio.push_back(o.flops / (6 * o.params * o.tokens));
  const double middle = quantile(ratio, 0.5);
  if (std::abs(std::log(middle)) < kOwnFlops) return "";
  return fmt::format(
      "the column of FLOPs is {:.2f} times 6 N D at the median: approaches 1 and 2 fit N* and D* against it as it "
      "stands, while laws of N and D, predict and allocate take C as 6 N D",
      middle);
}

}  // namespace

std::string ReadReport::read_as() const {
  return understood.empty() ? "" : fmt::format("read as: {}", fmt::join(understood, ", "));
}

std::string ReadReport::left_out() const {
  if (skipped.empty()) return "";
  std::vector<std::string> items;
  for (std::size_t i = 0; i < std::min(skipped.size(), kNamed); ++i) {
    const SkippedRow& s = skipped[i];
    items.push_back(fmt::format("row {}{}: {}", s.line, s.run.empty() ? "" : " (" + s.run + ")", s.reason));
  }
  if (skipped.size() > kNamed) items.push_back(fmt::format("and {} more", skipped.size() - kNamed));
  return fmt::format("left out: {} of {} rows: {}", skipped.size(), rows, fmt::join(items, "; "));
}

std::string ReadReport::text() const {
  std::string out;
  for (const std::string& line : {read_as(), left_out()}) {
    if (!line.empty()) out += line + "\n";
  }
  for (const std::string& line : warnings) out += fmt::format("warning: {}\n", line);
  return out;
}

std::vector<std::string> implausible_units(const std::vector<Observation>& points, bool params_given, bool tokens_given,
                                           bool flops_given) {
  std::vector<std::string> lines;
  if (points.empty()) return lines;
  const double highest = std::ranges::max(points, {}, &Observation::loss_nats).loss_nats;
  if (highest > 20) {
    lines.push_back(
        fmt::format("losses reach {:.4g}, and nats a token stay below about 12; if they are perplexities, say "
                    "--loss-unit perplexity",
                    highest));
  }
  const bool complete = std::ranges::all_of(points, [](const Observation& o) { return o.params > 0 && o.tokens > 0; });
  if (!complete) return lines;
  if (params_given && tokens_given && flops_given) {
    if (const std::string line = scaled_flops(points); !line.empty()) {
      lines.push_back(line);
      return lines;
    }
    if (const std::string line = own_flops(points); !line.empty()) lines.push_back(line);
  }
  std::vector<double> flops;
  for (const Observation& o : points) flops.push_back(o.flops);
  const double middle = quantile(flops, 0.5);
  const Units units = likely_units(points);
  const std::string sizes =
      fmt::format("N is {}, D {}", range_text(points, &Observation::params), range_text(points, &Observation::tokens));
  const auto larger_rows = std::ranges::count_if(points, [](const Observation& o) { return o.params > o.tokens; });
  const bool larger = 3 * larger_rows > 2 * std::ssize(points);
  if (units.params + units.tokens > 0 && (middle < 1e6 || larger)) {
    lines.push_back(
        fmt::format("{}, so that C is {:.2g} FLOPs at the median: no training run is that small; to scale them say {}",
                    sizes, middle, options_for(units)));
  } else if (middle < 1e6) {
    lines.push_back(
        fmt::format("{} and C is {:.2g} FLOPs at the median: no training run is that small; say in which "
                    "units with --params-unit, --tokens-unit or --flops-unit (k, M, B, T)",
                    sizes, middle));
  } else if (larger && points.size() > 1) {
    lines.push_back(
        fmt::format("{} more params than tokens ({}); if N and D are swapped, name the columns with "
                    "--columns params=NAME,tokens=NAME",
                    larger_rows == std::ssize(points) ? "every row has"
                                                      : fmt::format("{} of {} rows have", larger_rows, points.size()),
                    sizes));
  }
  return lines;
}

}  // namespace scalelaw::inline records
