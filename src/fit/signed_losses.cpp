#include "fit/signed_losses.hpp"

#include <algorithm>

namespace scalelaw {
namespace {

std::size_t place_of_offset(LawKind law) {
  const auto& names = law_info(law).parameters;
  return static_cast<std::size_t>(std::ranges::find(names, "E") - names.begin());
}

}  // namespace

bool has_signed_losses(const std::vector<Observation>& points, const FitOptions& options) {
  const bool power = is_power_law(options.law);
  if (options.objective.kind != ObjectiveKind::mse || options.method != Method::parametric ||
      options.fixed.contains("E") || (power && !options.offset) ||
      place_of_offset(options.law) == law_info(options.law).parameters.size() ||
      std::ranges::none_of(points, [](const Observation& o) { return o.loss_nats <= 0; })) {
    return false;
  }
  if (options.bootstrap.replicates > 0 && options.bootstrap.resample == Resample::parametric) {
    fail_config("--resample parametric: its noise is one of ln loss, and some losses are 0 or less; resample runs");
  }
  return true;
}

FitResult fit_signed_losses(std::vector<Observation> points, const FitOptions& given) {
  FitOptions options = given;
  options.goodness = false;  // of shifted losses: it would speak of numbers that nobody measured
  const auto [low, high] = std::ranges::minmax_element(points, {}, &Observation::loss_nats);
  // Room below the least loss for an E that the points only approach.
  const double shift = 10 * (high->loss_nats - low->loss_nats) - low->loss_nats + 1;
  for (Observation& o : points) o.loss_nats += shift;
  FitResult result = fit(points, options);
  result.noise.reset();
  result.best_measured.clear();
  const std::size_t k = place_of_offset(options.law);
  const auto move = [&](std::map<std::string, Interval>& intervals) {
    if (const auto it = intervals.find("E"); it != intervals.end()) it->second.low -= shift, it->second.high -= shift;
  };
  if (k < result.fitted.values.size()) result.fitted.values[k] -= shift;
  if (const auto it = result.identifiability.find("E"); it != result.identifiability.end()) {
    it->second.profile_ci95.low -= shift;
    it->second.profile_ci95.high -= shift;
  }
  move(result.bootstrap.ci95);
  move(result.bootstrap.ci80);
  move(result.jackknife.ci95);
  for (std::vector<double>& draw : result.bootstrap.draws) draw.at(k) -= shift;
  for (Jackknife::Budget& budget : result.jackknife.budgets) {
    if (const auto it = budget.values.find("E"); it != budget.values.end()) it->second -= shift;
  }
  for (Holdout::Point& point : result.holdout.points) point.loss_nats -= shift, point.predicted_nats -= shift;
  return result;
}

}  // namespace scalelaw
