#pragma once
// The law of a simulated design at its own scale.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "design/config.hpp"

namespace scalelaw::cli {

/// A file of the repository (data/records/..., configs/...): beside the config and in the folder above it where there
/// is one, from where the program is started, in the checkout it was built in, or where it was installed
/// (share/scalelaw). The only rule for it.
[[nodiscard]] std::optional<std::filesystem::path> find_data_file(
    const std::filesystem::path& file, const std::optional<std::filesystem::path>& config_folder = std::nullopt);

/// What the default anchor looks at.
struct AnchorPlaces {
  std::filesystem::path config_folder;
  std::vector<std::filesystem::path> study_folders;  ///< trained records here (runs/) go before data/records
};

/// Where published amplitudes mean nothing at the runs' scale (below_published_runs), refits them: to the trained
/// records of a study folder, else to data/records/tutorial.csv; constants and anchors that the config chose stay.
/// Returns a line that says what was done and why; empty where nothing was. Errors (config): a run whose simulated loss
/// would still be above ln(vocab) (sim/resolve.hpp).
[[nodiscard]] std::string settle_simulation(SimulationSpec& simulation, const StudyConfig& config,
                                            const std::vector<RunSpec>& runs, const AnchorPlaces& places);

/// The same for the simulation of a study that is about to be planned or made in `study_folder`; the line ends with a
/// newline.
[[nodiscard]] std::string settle_study_simulation(StudyConfig& config, const std::filesystem::path& config_file,
                                                  const std::filesystem::path& study_folder);

}  // namespace scalelaw::cli
