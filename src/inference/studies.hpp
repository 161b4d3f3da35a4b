#pragma once
// Simulated studies of a law at given points, each fitted like the measured one.
#include <map>
#include <string>
#include <vector>

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

/// options.studies of them, study i from options.seed and i alone.
/// @param center the fit to the law's losses without noise, where each study's fit starts
/// @param refitted the law's amplitudes were refitted to the points: slopes are taken relative to those of the law
/// refitted to each study
[[nodiscard]] SimulatedStudies simulate_studies(const std::vector<Observation>& points, const Law& law,
                                                const PointNoise& noise, const FitResult& center, SlopeMethod slopes,
                                                bool refitted, const CompareOptions& options);

}  // namespace scalelaw::inline inference
