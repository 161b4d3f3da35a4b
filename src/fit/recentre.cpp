#include "fit/recentre.hpp"

#include <cmath>

#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/valley.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kOffCentre = 1.0 / 3;  // of the half width in ln N
constexpr double kDrift = 1.25;

// N* by the power law through the other budgets, as advice for one that has none of its own.
std::string expected_at(const FitResult& fit, double flops, const Interval& tried) {
  if (fit.fitted.values.empty()) return "";
  LawPoint point;
  point.flops = flops;
  const double expected = predict_loss(fit.fitted, point);
  if (expected >= tried.low && expected <= tried.high) return "";  // which these losses contradict
  return fmt::format(", around {} by the other budgets", short_count(predict_loss(fit.fitted, point)));
}

}  // namespace

std::vector<std::string> recentring_advice(const FitResult& fit) {
  std::vector<std::string> lines;
  std::vector<double> log_flops, log_offset;
  for (const IsoflopBudget& b : fit.isoflop().budgets) {
    if (b.status == BudgetStatus::edge_low || b.status == BudgetStatus::edge_high) {
      const bool low = b.status == BudgetStatus::edge_low;
      lines.push_back(fmt::format("budget {}: the minimum lies {} the sizes tried ({} to {}); add {} ones{}",
                                  power_text(b.flops), low ? "at or below" : "at or above", short_count(b.sizes.low),
                                  short_count(b.sizes.high), low ? "smaller" : "larger",
                                  expected_at(fit, b.flops, b.sizes)));
    }
    if (!has_minimum(b)) continue;
    const double offset = std::log(b.params / b.center), half_width = 0.5 * std::log(b.sizes.high / b.sizes.low);
    log_flops.push_back(std::log(b.flops));
    log_offset.push_back(offset);
    if (std::abs(offset) > kOffCentre * half_width) {
      lines.push_back(fmt::format("budget {}: its sizes centre on {}, its minimum lies at {}; recentre them there",
                                  power_text(b.flops), short_count(b.center), short_count(b.params)));
    }
  }
  if (log_flops.size() < 3) return lines;
  const Line line = fit_line(log_flops, log_offset);
  const double drift = line.slope * (log_flops.back() - log_flops.front());
  if (std::isfinite(drift) && std::abs(drift) > std::log(kDrift)) {
    lines.push_back(fmt::format(
        "N* moves against the centre of the sizes by a factor of {:.2f} from the least to the largest budget: a centre "
        "that drifts biases the exponent; centre the sizes of each budget on its N*",
        std::exp(drift)));
  }
  return lines;
}

}  // namespace scalelaw::inline fit
