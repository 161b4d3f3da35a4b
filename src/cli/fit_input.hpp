#pragma once
// What scalelaw fit reads: observations, run records and training curves.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/fit_sources.hpp"
#include "core/json.hpp"
#include "fit/prepare.hpp"
#include "records/read_observations.hpp"
#include "select/population.hpp"

namespace scalelaw::cli {

/// Study folders (the runs of their plans), record files (*.json, or records in JSON lines) and tables of runs
/// (records/read_observations.hpp); "-" is standard input. With options.columns naming several losses, "a|b", the table
/// is read once for each. Errors (data): an input that is not there or cannot be read; one given twice; a run that two
/// inputs hold; records of several populations that `choice` does not pool (select/population.hpp).
[[nodiscard]] FitSources read_fit_sources(const std::vector<std::string>& inputs, const ReadOptions& options,
                                          const PopulationChoice& choice);

/// Sources apart by what their points say of how N and C are counted; records count as one part.
[[nodiscard]] std::vector<FitSources> split_by_counting(FitSources sources);

/// Tuned observations under a convention, and what selection left out.
struct FitInput {
  std::vector<std::string> notes;
  std::vector<Observation> points;
  std::vector<Observation> curves;  ///< decayed points of training curves, where asked for
  std::vector<Exclusion> excluded;
  std::vector<LrSweep> sweeps;
  std::optional<NoiseModel> noise;  ///< between seeds, of the records before they are averaged
};
[[nodiscard]] FitInput observe_sources(const FitSources& sources, const Convention& convention, std::int64_t min_steps,
                                       bool curves);

/// What tuning did, and what was left out, a line each.
[[nodiscard]] std::vector<std::string> selection_lines(const FitInput& input);
/// What was tuned and left out: text that ends with a newline, or empty; and as JSON.
[[nodiscard]] std::string describe_selection(const FitInput& input);
[[nodiscard]] Json excluded_json(const FitInput& input);

/// What was understood of tables that are not in the plain form: lines of text, and as JSON (an empty array for none).
[[nodiscard]] std::string read_text(const std::vector<FitSources>& parts);
[[nodiscard]] Json read_json(const FitSources& sources);
/// What a bootstrap of a table without groups takes for granted: a line, or empty.
[[nodiscard]] std::string units_text(const FitSources& part, const BootstrapResult& bootstrap);
/// Errors (config): groups are to be resampled, and a table has none.
void check_groups(const std::vector<FitSources>& parts);

}  // namespace scalelaw::cli
