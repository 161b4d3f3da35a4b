#pragma once
// What a config's [simulation] says of other files, turned into constants.
#include <filesystem>

#include "core/records.hpp"

namespace scalelaw {

/// A simulation without references to files. A `law` that ends in .json is a fit ("scalelaw.fit/1"): its kind, its
/// constants (those in `params` go before them) and, where none is given, its convention. An `anchor` is a CSV of
/// observations, or a study folder with records.csv, whose N is counted as the law counts it: the law's exponents are
/// kept and its amplitudes refitted to it (sim/reanchor.hpp), rounded to 6 digits so that last-bit differences between
/// machines change no run's id; `anchored` then says to what. A simulation without either comes back as it is.
/// @param folder of the config: relative paths start from it, or from where the program was started if nothing is there
/// Errors (data): a file that is missing or no fit, a fit that did not converge, amplitudes that the observations do
/// not determine. (config): see simulation_law.
[[nodiscard]] SimulationSpec resolve_simulation(SimulationSpec simulation, const std::filesystem::path& folder);

}  // namespace scalelaw
