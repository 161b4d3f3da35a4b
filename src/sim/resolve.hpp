#pragma once
// What a config's [simulation] says of other files, turned into constants.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "law/range.hpp"
#include "records/observation.hpp"

namespace scalelaw::inline sim {

/// A simulation without references to files. A `law` that ends in .json is a fit ("scalelaw.fit/1"): its kind, its
/// constants (those in `params` go before them) and, where none is given, its convention. An `anchor` is a CSV of
/// observations, or a study folder with records.csv, whose N is counted as the law counts it: the law's exponents are
/// kept and its amplitudes refitted to it (sim/reanchor.hpp), rounded to 6 digits so that last-bit differences between
/// machines change no run's id; `anchored` then says to what. A simulation without either comes back as it is.
/// An anchor "published" (or "none": the same) stays: it says that published amplitudes are wanted as they are.
/// @param folder of the config: relative paths start from it, or from where the program was started if nothing is there
/// Errors (data): a file that is missing or no fit, a fit that did not converge or counts N in no known way, amplitudes
/// that the observations do not determine. (config): see simulation_law.
[[nodiscard]] SimulationSpec resolve_simulation(SimulationSpec simulation, const std::filesystem::path& folder);

/// What of the runs' N, D and C lies more than ten times below the runs behind the simulation's law: published
/// amplitudes mean nothing there. Of each quantity the furthest. Empty where the law is no published one and where its
/// constants or its anchor were chosen (params, anchor, a fit).
[[nodiscard]] std::vector<Outside> below_published_runs(const SimulationSpec& simulation,
                                                        const std::vector<RunSpec>& runs);

/// What of the runs' N, D, D/N and C lies more than `slack` times outside `range`, N as the simulation's law counts it:
/// of each quantity and side the furthest.
[[nodiscard]] std::vector<Outside> outside_of(const LawRange& range, const SimulationSpec& simulation,
                                              const std::vector<RunSpec>& runs, double slack);

/// The simulation with its law's amplitudes refitted to points whose N is counted as the law counts it, rounded as
/// resolve_simulation does; `anchored` becomes "COUNT points of NAME". None where they do not determine them.
[[nodiscard]] std::optional<SimulationSpec> anchored_to(SimulationSpec simulation,
                                                        const std::vector<Observation>& points,
                                                        const std::string& name);

/// Errors (config): a run whose expected loss is above ln(vocab), which no trained model's is.
void check_simulated_losses(const SimulationSpec& simulation, const std::vector<RunSpec>& runs);

}  // namespace scalelaw::inline sim
