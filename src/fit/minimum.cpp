#include "fit/minimum.hpp"

#include <algorithm>
#include <map>

#include "fit/bootstrap.hpp"

namespace scalelaw::inline fit {

Minimum minimum_of(const FitResult& fit, const std::vector<Observation>& points, const FitOptions& options) {
  std::map<std::string, double> fixed = options.fixed;
  const std::vector<std::string>& names = law_form(fit.law).parameters;
  std::erase_if(fixed, [&](const auto& item) { return std::ranges::find(names, item.first) == names.end(); });
  for (const std::size_t k : law_form(fit.law).of_role(Role::offset)) {
    if (!shows_parameter(fit.fitted, k)) fixed.try_emplace(names[k], 0.0);
  }
  Minimum out{.problem = make_problem(points, fit.law, fit.parametric().objective, fixed)};
  out.theta = start_from(out.problem, fit.fitted.values);
  return out;
}

std::optional<NoiseComponents> noise_of_fit(const FitResult& fit, const std::vector<Observation>& points,
                                            const FitOptions& options, const SharesAssumed& assumed) {
  const Minimum m = minimum_of(fit, points, options);
  const std::size_t free = m.problem.free.size();
  NoiseComponents noise = noise_components(points, residuals_of_fit(m.problem, std::span(m.theta).first(free)), free,
                                           options.noise, assumed);
  if (noise.cells.empty()) return std::nullopt;
  return noise;
}

}  // namespace scalelaw::inline fit
