#pragma once
// Simulated studies of a law at given points, each fitted like the measured one.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fit/components.hpp"
#include "inference/comparison.hpp"
#include "inference/slopes.hpp"
#include "sim/simulate.hpp"

namespace scalelaw::inline inference {

/// Exponents and residual scale of the simulated studies that converged.
struct SimulatedStudies {
  std::vector<std::map<std::string, double>> exponents;
  std::vector<double> scales;
  std::int64_t failed = 0;
};

/// A study of the law at the points: its losses with noise. Depends on the index alone.
using StudyMaker = std::function<std::vector<Observation>(std::uint64_t index)>;
/// Noise of a given size, shared within groups.
[[nodiscard]] StudyMaker studies_with(const std::vector<Observation>& points, const Law& law, const PointNoise& noise,
                                      std::uint64_t seed);
/// Noise that shapes and trunks share as far as the residuals of a fit leave open, its size drawn too.
[[nodiscard]] StudyMaker studies_with(const std::vector<Observation>& points, const Law& law,
                                      const NoiseComponents& noise, std::uint64_t seed);

/// options.studies of them.
/// @param center the fit to the law's losses without noise, where each study's fit starts
/// @param refitted the law's amplitudes were refitted to the points: slopes are taken relative to those of the law
/// refitted to each study
[[nodiscard]] SimulatedStudies simulate_studies(const std::vector<Observation>& points, const Law& law,
                                                const StudyMaker& study_of, const FitResult& center, SlopeMethod slopes,
                                                bool refitted, const CompareOptions& options);

}  // namespace scalelaw::inline inference
