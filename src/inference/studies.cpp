#include "inference/studies.hpp"

#include <cmath>
#include <optional>

#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "inference/exponents.hpp"
#include "inference/refit.hpp"
#include "sim/reanchor.hpp"

namespace scalelaw::inline inference {
namespace {

/// Slopes of a study as they deviate from those of the law without noise, its amplitudes refitted to that study, plus
/// `exact`, the same of the law that made it: a slope of the loss follows the amplitudes, and these follow the points,
/// so the deviation varies less than the slope. None where a part of this is missing.
std::map<std::string, double> refitted_slopes(const std::vector<Observation>& study, const Law& law, SlopeMethod method,
                                              const std::map<std::string, double>& exact) {
  std::map<std::string, double> slopes;
  const std::optional<Law> refitted = reanchor(law, study);
  if (!refitted) return slopes;
  const auto own = slopes_of(simulate_points(study, *refitted, {}, 0, 0), method);
  for (const auto& [name, value] : slopes_of(study, method)) {
    if (own.contains(name) && exact.contains(name)) slopes[name] = value - own.at(name) + exact.at(name);
  }
  return slopes;
}

}  // namespace

StudyMaker studies_with(const std::vector<Observation>& points, const Law& law, const PointNoise& noise,
                        std::uint64_t seed) {
  return [&points, law, noise, seed](std::uint64_t index) { return simulate_points(points, law, noise, seed, index); };
}

StudyMaker studies_with(const std::vector<Observation>& points, const Law& law, const NoiseComponents& noise,
                        std::uint64_t seed) {
  return [&points, law, noise, seed](std::uint64_t index) {
    Rng rng = make_rng(seed, "studies with shared noise", index);
    const std::vector<double> drawn = draw_noise(noise, rng);
    std::vector<Observation> study = simulate_points(points, law, {}, seed, index);
    for (std::size_t i = 0; i < study.size(); ++i) study[i].loss_nats *= std::exp(drawn[i]);
    return study;
  };
}

SimulatedStudies simulate_studies(const std::vector<Observation>& points, const Law& law, const StudyMaker& study_of,
                                  const FitResult& center, SlopeMethod slopes, bool refitted,
                                  const CompareOptions& options) {
  FitOptions fit_options = options.fit;
  fit_options.drop_highest = 0;
  const auto count = static_cast<std::size_t>(options.studies);
  std::vector<std::map<std::string, double>> exponents(count);
  std::vector<double> scales(count, 1);
  const auto exact = slopes_of(simulate_points(points, law, {}, options.seed, 0), slopes);
  parallel_for(count, options.fit.threads, [&](std::size_t i) {
    const auto study = study_of(i);
    const FitResult result = refit_near(study, fit_options, center);
    if (!result.answers()) return;
    exponents[i] = exponents_of(result);
    exponents[i].merge(refitted ? refitted_slopes(study, law, slopes, exact) : slopes_of(study, slopes));
    if (has_loss(result)) scales[i] = residual_noise(result, study).sd;
  });
  SimulatedStudies simulated;
  for (std::size_t i = 0; i < count; ++i) {
    if (exponents[i].empty()) {
      ++simulated.failed;
    } else {
      simulated.exponents.push_back(std::move(exponents[i]));
      simulated.scales.push_back(scales[i]);
    }
  }
  return simulated;
}

}  // namespace scalelaw::inline inference
