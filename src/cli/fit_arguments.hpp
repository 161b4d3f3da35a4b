#pragma once
// What is asked of a fit on the command line, and the options that scalelaw fit and scalelaw forecast share.
#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "cli/fit_sources.hpp"
#include "cli/read_options.hpp"
#include "fit/options.hpp"
#include "select/population.hpp"

namespace scalelaw::cli {

struct FitArguments {
  std::vector<std::string> inputs;
  ReadArguments read;
  std::vector<std::string> fix, loss;
  std::optional<double> holdout_above;
  std::int64_t min_steps = 150;
  bool all = false, curves = false, residuals = false;
  PopulationChoice population;
  std::vector<LawKind> laws = {};  ///< to choose among; empty: options.law is fitted
  FitOptions options;
};

/// --convention, --compute, --bootstrap, --resample, --seed, --fix, --offset, --starts, --max-evaluations, --min-steps,
/// --critical-batch, --critical-batch-alpha and --holdout-above.
void add_law_fit_options(CLI::App& command, FitArguments& arguments);

/// What was parsed beside the options themselves becomes part of them. Errors (config): a --fix that is no pair.
void take_options(FitArguments& arguments, const Globals& globals);

/// What a study's config says of its fit, as its report does: without --min-steps the fewest steps, and the budgets
/// that are held out.
void take_study(FitArguments& arguments, const std::vector<FitSources>& parts, const CLI::App& command);

}  // namespace scalelaw::cli
