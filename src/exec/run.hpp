#pragma once
// A study from its plan to its records.
#include "exec/study_options.hpp"
#include "exec/study_summary.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::inline exec {

/// The plan of the study as these options make it. Errors (config): as make_plan.
[[nodiscard]] Plan study_plan(const StudyConfig& config, const StudyOptions& options);

/// Makes every run of the plan that has no finished record in the folder, then those that the results call for
/// (rounds.hpp), until there are no more or some have failed. study.toml gets the config with its backend decided and
/// the corpus's hash. Runs of an earlier config stay in the folder, where keep_runs allows a config that has others.
/// Errors (environment): the folder is in use by another study or cannot be written; runs are missing and the CUDA
/// trainer cannot use the device. (config): the plan is empty; finished runs of the folder are not of the config's
/// plan, and study.toml plans others than it.
[[nodiscard]] StudySummary run_study(const StudyConfig& config, const StudyOptions& options);

}  // namespace scalelaw::inline exec
