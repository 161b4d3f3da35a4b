#pragma once
// What scalelaw compare reads of one of its two sources, by the rules of scalelaw fit.
#include <optional>
#include <string>
#include <vector>

#include "cli/fit_input.hpp"

namespace scalelaw::cli {

struct CompareSourceOptions {
  ReadOptions read;
  PopulationChoice population;
  Convention convention;  ///< of N in records
  bool isoflop = false;   ///< method isoflop: points by their budgets, as `fit` has them (cli/fit_budgets.hpp)
  bool groups = false;    ///< groups are to be resampled, so there have to be some
};

/// Tuned points of one source and what a reader has to know of them.
struct CompareSource {
  std::string name;
  std::vector<Observation> points;
  std::optional<NoiseModel> noise;  ///< between seeds
  std::string counted;      ///< how a table counts N: what its column says, or kOwnCounts; empty = as was asked for
  double largest_loss = 0;  ///< the least ln(vocab) of its models; 0 = not known
  std::vector<std::string> simulated;  ///< a line where runs were simulated
  std::vector<std::string> notes;
};

/// @param source a study folder, a table, record files, or "-" for standard input
/// Errors (data): nothing there, with the law that may have been meant; rows that count N and C in several ways; no
/// record that can be used. (config): groups asked for, and a table without. See also read_fit_sources.
[[nodiscard]] CompareSource read_compare_source(const std::string& source, const CompareSourceOptions& options);

/// The name of a source as a table shows it: the last part of a path; "standard input".
[[nodiscard]] std::string compare_label(const std::string& source);

}  // namespace scalelaw::cli
