#pragma once
// RunSpec -> RunRecord without training: loss from a law, with seed noise and a price for a wrong learning rate.
#include <vector>

#include "core/observation.hpp"
#include "core/records.hpp"
#include "law/laws.hpp"

namespace scalelaw {

/// The law of a simulation: a published set, or a kind of law, with constants replaced as told.
/// Errors (config): unknown law or constant, missing constants, a kind that predicts no loss ("optimal").
[[nodiscard]] Law simulation_law(const SimulationSpec& simulation);

/// The learning rate that costs nothing: lr_best_coefficient * N^lr_best_exponent (Porian et al. 2024, arXiv
/// 2406.19146).
/// @param params N under the convention of the simulation's law
[[nodiscard]] double best_lr(const SimulationSpec& simulation, double params);

/// loss = law(N, D) * exp(noise * z) + lr_penalty * ln(lr / lr_best(N))^2, where z is a standard normal that depends on
/// the spec alone (its run id), so that the same spec gives the same record everywhere. N follows the law's own
/// convention. The record holds no times and no host: it is a function of the spec and the build.
[[nodiscard]] RunRecord simulate(const RunSpec& spec);

/// The same spec as a simulated run.
[[nodiscard]] RunSpec as_simulated(RunSpec spec, const SimulationSpec& simulation);

/// Noise of ln loss at a set of points.
struct PointNoise {
  double sd = 0;           ///< standard deviation of ln loss, >= 0
  double group_share = 0;  ///< share of the variance that points of one group (a trunk) have in common, 0 .. 1
};

/// The loss that `law` gives at every point, times exp(sd (sqrt(share) z_group + sqrt(1 - share) z)) with standard
/// normal z: a study at the same (N, D) points, with the same weights and groups. Bit-identical for the same seed and
/// index.
[[nodiscard]] std::vector<Observation> simulate_points(const std::vector<Observation>& points, const Law& law,
                                                       const PointNoise& noise, std::uint64_t seed,
                                                       std::uint64_t index);

}  // namespace scalelaw
