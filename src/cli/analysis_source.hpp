#pragma once
// What report, plot and table analyse: the folder of a study, or a table of runs.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

#include "analysis/analysis.hpp"
#include "cli/cli.hpp"
#include "cli/read_options.hpp"
#include "select/population.hpp"

namespace scalelaw::cli {

struct AnalysisSource {
  std::string input;  ///< folder of a study, or a table (CSV, JSON) of runs
  ReadArguments read;
  PopulationChoice choice;
};

/// The positional STUDY, --where, --pool and what says how a table is read.
void add_analysis_source(CLI::App& command, AnalysisSource& source);

/// The analysis of the folder (analysis/study_analysis.hpp) or of the table, as scalelaw fit reads it. Errors: those of
/// analyze_study and read_fit_sources; (data) a table whose rows count N and C in several ways; (config) a table with
/// --where.
/// @param compare false: a table's exponents are not set beside simulated ones, which takes most of the time
[[nodiscard]] Analysis read_analysis(const AnalysisSource& source, const Globals& globals, bool compare = true);

/// The folder for the files of an analysis: `out`, or else the study's own, or NAME-report in the working folder for a
/// table NAME.csv. Errors (config): `out` is the folder of another study.
[[nodiscard]] std::filesystem::path report_folder(const AnalysisSource& source, const std::string& out);

}  // namespace scalelaw::cli
