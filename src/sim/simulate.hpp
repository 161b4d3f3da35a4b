#pragma once
// RunSpec -> RunRecord without training: loss from a law, with seed noise and a price for a wrong learning rate.
#include "core/records.hpp"
#include "law/laws.hpp"

namespace scalelaw {

/// The law of a simulation: a published set, or a kind of law, with constants replaced as told.
/// Errors (config): unknown law or constant, missing constants.
[[nodiscard]] Law simulation_law(const SimulationSpec& simulation);

/// loss = law(N, D) * exp(noise * z) + lr_penalty * ln(lr / lr_best(N))^2, where z is a standard normal that depends on the
/// spec alone (its run id), so that the same spec gives the same record everywhere. N follows the law's own convention.
[[nodiscard]] RunRecord simulate(const RunSpec& spec);

/// The same spec as a simulated run.
[[nodiscard]] RunSpec as_simulated(RunSpec spec, const SimulationSpec& simulation);

}  // namespace scalelaw
