#pragma once
// What scalelaw fit reads: observations, run records and training curves.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "fit/population.hpp"
#include "fit/prepare.hpp"

namespace scalelaw::cli {

/// Records of all inputs that hold records, and observations of all that are CSV files.
struct FitSources {
  std::vector<RunRecord> records;
  std::map<std::string, std::filesystem::path> curves;  ///< by run id, where the file would be
  std::vector<Observation> points;
  std::string counted;                   ///< how N and C are counted, where the points say so
  std::vector<std::string> notes = {};   ///< runs that were left out, or pooled, one line each
  std::vector<Exclusion> excluded = {};  ///< files that are no records of their runs
};

/// "params=N,loss=val_loss" -> {{"params", "N"}, {"loss", "val_loss"}}. Errors (config): an item that is no such pair.
[[nodiscard]] std::map<std::string, std::string> parse_columns(const std::string& text);

/// Study folders (the runs of their plans), record files (*.json) and CSV files. Errors (data): an input that is not
/// there or cannot be read; records of several populations that `choice` does not pool (fit/population.hpp).
/// @param need_loss see read_observations
[[nodiscard]] FitSources read_fit_sources(const std::vector<std::string>& inputs,
                                          const std::map<std::string, std::string>& columns, bool need_loss,
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

/// What was tuned and left out: text that ends with a newline, or empty; and as JSON.
[[nodiscard]] std::string describe_selection(const FitInput& input);
[[nodiscard]] Json excluded_json(const FitInput& input);

}  // namespace scalelaw::cli
