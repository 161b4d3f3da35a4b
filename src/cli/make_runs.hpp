#pragma once
// The runs of a study, made: what study, run, simulate and tutorial share.
#include <string>

#include "cli/study_common.hpp"
#include "exec/run.hpp"

namespace scalelaw::cli {

struct RunRequest {
  ConfigOptions config;
  std::string out;         ///< folder; empty: studies/NAME
  bool keep_runs = false;  ///< see StudyOptions
  bool brief = false;      ///< says nothing but the progress of training: the caller says what came of it
};

struct FinishedRuns {
  StudyConfig config;  ///< with its precision decided
  StudyOptions study;  ///< its folder and backend
  StudySummary summary;
};

/// Reads the config, decides backend, precision and simulation, and makes the runs that are missing, telling the user
/// before and after. Errors: as run_study.
[[nodiscard]] FinishedRuns make_runs(const RunRequest& request, const Globals& globals);

}  // namespace scalelaw::cli
