#include "inference/slopes.hpp"

#include "core/parallel.hpp"
#include "fit/isoflop.hpp"
#include "inference/frontier.hpp"

namespace scalelaw::inline inference {
namespace {

std::map<std::string, double> isoflop_slopes(const std::vector<Observation>& points) {
  const FitResult valleys = fit_isoflop(points, {.method = Method::isoflop, .profile = false, .goodness = false});
  if (!valleys.converged()) return {};
  return {{"isoflop_a", valleys.derived.at("a")},
          {"isoflop_b", valleys.derived.at("b")},
          {"loss_slope", valleys.isoflop().without_law.loss_slope.value()}};
}

}  // namespace

std::map<std::string, double> slopes_of(const std::vector<Observation>& points, SlopeMethod method) {
  if (method == SlopeMethod::none) return {};
  std::vector<Observation> used;
  for (const Observation& point : points) {
    if (point.weight > 0) used.push_back(point);
  }
  if (method == SlopeMethod::isoflop) return isoflop_slopes(used);
  const auto frontier = compute_frontier(used);
  if (!frontier) return {};
  return {{"loss_slope", frontier->loss_exponent}};
}

SlopeMethod slope_method(const std::vector<Observation>& points) {
  for (const SlopeMethod method : {SlopeMethod::isoflop, SlopeMethod::frontier}) {
    if (!slopes_of(points, method).empty()) return method;
  }
  return SlopeMethod::none;
}

std::vector<std::map<std::string, double>> resampled_slopes(const std::vector<Observation>& points, SlopeMethod method,
                                                            const BootstrapOptions& options, int threads) {
  const bool groups = resolved_resample(options.resample, Method::parametric, points) == Resample::groups;
  const std::vector<std::size_t> units = resampling_units(points, groups ? Resample::groups : Resample::runs);
  const std::vector<std::size_t> strata = groups ? std::vector<std::size_t>{} : group_budgets(points).of_point;
  std::vector<std::map<std::string, double>> slopes(static_cast<std::size_t>(options.replicates));
  parallel_for(slopes.size(), threads, [&](std::size_t i) {
    const std::vector<double> drawn = multiplicities(units, strata, options.seed, static_cast<std::int64_t>(i));
    std::vector<Observation> resampled = points;
    for (std::size_t k = 0; k < resampled.size(); ++k) resampled[k].weight *= drawn[k];
    slopes[i] = slopes_of(resampled, method);
  });
  return slopes;
}

}  // namespace scalelaw::inline inference
