#include "inference/frontier.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/stats.hpp"

namespace scalelaw::inline inference {
namespace {

/// Losses of one size by rising ln C.
struct SizeCurve {
  double log_params = 0;
  std::vector<std::pair<double, double>> points;

  /// Linear in ln C; none outside the runs.
  [[nodiscard]] std::optional<double> at(double log_flops) const {
    const auto right = std::lower_bound(points.begin(), points.end(), log_flops,
                                        [](const auto& point, double x) { return point.first < x; });
    if (right == points.end()) return std::nullopt;
    if (right->first == log_flops) return right->second;
    if (right == points.begin()) return std::nullopt;
    const auto left = right - 1;
    const double share = (log_flops - left->first) / (right->first - left->first);
    return left->second + share * (right->second - left->second);
  }
};

std::vector<SizeCurve> curves_of(const std::vector<Observation>& points) {
  std::map<double, SizeCurve> by_size;
  for (const Observation& point : points) {
    SizeCurve& curve = by_size[point.params];
    curve.log_params = std::log(point.params);
    curve.points.emplace_back(std::log(point.flops), point.loss_nats);
  }
  std::vector<SizeCurve> curves;
  for (auto& [params, curve] : by_size) {
    std::sort(curve.points.begin(), curve.points.end());
    if (curve.points.size() >= 2) curves.push_back(std::move(curve));
  }
  return curves;
}

/// Vertex of the parabola through three points, x[0] < x[1] < x[2], y[1] the least; and its value.
std::pair<double, double> vertex(const double (&x)[3], const double (&y)[3]) {
  const double left = (y[1] - y[0]) / (x[1] - x[0]), right = (y[2] - y[1]) / (x[2] - x[1]);
  const double curvature = (right - left) / (x[2] - x[0]);
  if (!(curvature > 0)) return {x[1], y[1]};
  const double slope = left + curvature * (x[1] - x[0]);  // at x[1]
  const double step = -slope / (2 * curvature);
  return {x[1] + step, y[1] + slope * step + curvature * step * step};
}

}  // namespace

std::optional<Frontier> compute_frontier(const std::vector<Observation>& points, std::size_t budgets) {
  const std::vector<SizeCurve> curves = curves_of(points);
  if (curves.size() < 3 || budgets < 2) return std::nullopt;
  double low = curves.front().points.front().first, high = curves.front().points.back().first;
  for (const SizeCurve& curve : curves) {
    low = std::min(low, curve.points.front().first);
    high = std::max(high, curve.points.back().first);
  }
  Frontier frontier;
  std::vector<double> log_flops, log_params, log_tokens, log_loss;
  for (std::size_t k = 0; k < budgets; ++k) {
    const double c = low + (high - low) * static_cast<double>(k) / static_cast<double>(budgets - 1);
    std::size_t best = curves.size();
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < curves.size(); ++i) {
      const auto loss = curves[i].at(c);
      if (loss && *loss < least) {
        least = *loss;
        best = i;
      }
    }
    if (best == 0 || best + 1 >= curves.size()) continue;
    const auto below = curves[best - 1].at(c), above = curves[best + 1].at(c);
    if (!below || !above) continue;
    const auto [x, loss] = vertex({curves[best - 1].log_params, curves[best].log_params, curves[best + 1].log_params},
                                  {*below, least, *above});
    frontier.points.push_back(
        {.flops = std::exp(c), .params = std::exp(x), .tokens = std::exp(c - x) / 6, .loss_nats = loss});
    log_flops.push_back(c);
    log_params.push_back(x);
    log_tokens.push_back(c - x);
    log_loss.push_back(std::log(loss));
  }
  if (frontier.points.size() < 2) return std::nullopt;
  frontier.params_exponent = fit_line(log_flops, log_params).slope;
  frontier.tokens_exponent = fit_line(log_flops, log_tokens).slope;
  frontier.loss_exponent = -fit_line(log_flops, log_loss).slope;
  return frontier;
}

}  // namespace scalelaw::inline inference
