#include "fit/signed_losses.hpp"

#include <algorithm>

namespace scalelaw::inline fit {
namespace {

// Of the offset that this fit has free; none where it has none.
std::optional<std::size_t> place_of_offset(const FitOptions& options) {
  const LawForm& form = law_form(options.law);
  for (const std::size_t k : form.of_role(Role::offset)) {
    const Constant& constant = form.constants[k];
    if (!options.fixed.contains(constant.name) && (!constant.optional || options.offset)) return k;
  }
  return std::nullopt;
}

}  // namespace

bool has_signed_losses(const std::vector<Observation>& points, const FitOptions& options) {
  if (options.objective.kind != ObjectiveKind::mse || options.method != Method::parametric ||
      !place_of_offset(options) ||
      std::ranges::none_of(points, [](const Observation& o) { return o.loss_nats <= 0; })) {
    return false;
  }
  if (options.bootstrap.replicates > 0 && options.bootstrap.resample == Resample::parametric) {
    fail_config("--resample parametric: its noise is one of ln loss, and some losses are 0 or less; resample runs");
  }
  return true;
}

FitResult fit_signed_losses(std::vector<Observation> points, const FitOptions& given,
                            const std::function<FitResult(const std::vector<Observation>&, const FitOptions&)>& fit) {
  FitOptions options = given;
  options.goodness = false;  // of shifted losses: it would speak of numbers that nobody measured
  const auto [low, high] = std::ranges::minmax_element(points, {}, &Observation::loss_nats);
  // Room below the least loss for an E that the points only approach.
  const double shift = 10 * (high->loss_nats - low->loss_nats) - low->loss_nats + 1;
  for (Observation& o : points) o.loss_nats += shift;
  FitResult result = fit(points, options);
  result.noise.reset();
  result.best_measured.clear();
  const std::size_t k = place_of_offset(options).value();
  const std::string& name = law_form(options.law).parameters[k];
  const auto move = [&](std::map<std::string, Interval>& intervals) {
    if (const auto it = intervals.find(name); it != intervals.end()) it->second.low -= shift, it->second.high -= shift;
  };
  if (k < result.fitted.values.size()) result.fitted.values[k] -= shift;
  auto& identifiability = std::get<ParametricFit>(result.by_method).identifiability;
  if (const auto it = identifiability.find(name); it != identifiability.end()) {
    it->second.profile_ci95.low -= shift;
    it->second.profile_ci95.high -= shift;
  }
  result.bootstrap.se_log.erase(name);  // E may be negative now
  move(result.bootstrap.ci95);
  move(result.bootstrap.ci80);
  move(result.jackknife.ci95);
  for (std::vector<double>& draw : result.bootstrap.draws) draw.at(k) -= shift;
  for (Jackknife::Budget& budget : result.jackknife.budgets) {
    if (const auto it = budget.values.find(name); it != budget.values.end()) it->second -= shift;
  }
  for (Holdout::Point& point : result.holdout.points) point.loss_nats -= shift, point.predicted_nats -= shift;
  return result;
}

}  // namespace scalelaw::inline fit
