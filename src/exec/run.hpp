#pragma once
// A study from its plan to its records.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "exec/backend.hpp"
#include "exec/pool.hpp"
#include "study/rounds.hpp"
#include "study/study_plan.hpp"

namespace scalelaw {

struct StudyOptions {
  std::filesystem::path folder;
  BackendChoice backend;
  Environment environment;            ///< for the number of CUDA devices
  std::optional<CorpusFacts> corpus;  ///< needed for training
  ProgressOutput progress;
  bool keep_runs = false;  ///< the folder may hold finished runs that the plan does not

  /// None where nothing is trained.
  [[nodiscard]] const CorpusFacts* corpus_or_null() const { return corpus ? &*corpus : nullptr; }
};

/// The plan of the study as these options make it. Errors (config): as make_plan.
[[nodiscard]] Plan study_plan(const StudyConfig& config, const StudyOptions& options);

struct StudySummary {
  std::int64_t planned = 0;   ///< runs of the plan and those that their results called for
  std::int64_t before = 0;    ///< of these, finished before this call
  std::int64_t made = 0;      ///< finished by this call
  std::int64_t diverged = 0;  ///< of the finished ones
  std::vector<FailedJob> failed;
  std::vector<BadRecord>
      bad;  ///< files under runs/ that were no records when the study began; their runs are made anew
  std::vector<LeftOut> left_out;
  std::vector<Addition> added;           ///< what the results called for, see rounds.hpp
  std::vector<std::string> notes;        ///< of the plan
  std::vector<std::string> later_notes;  ///< of the additions, see StudyRuns::notes
  bool config_changed = false;           ///< study.toml was there and said something else
  std::vector<std::string> others;       ///< finished runs of the folder that are not of this plan, a line each kind
  bool interrupted = false;
  double seconds = 0;

  /// 130 interrupted; 1 some jobs failed; 0 otherwise.
  [[nodiscard]] ExitCode exit_code() const;
};

/// Makes every run of the plan that has no finished record in the folder, then those that the results call for
/// (rounds.hpp), until there are no more or some have failed. study.toml gets the config with its backend decided and
/// the corpus's hash. Runs of an earlier config stay in the folder, where keep_runs allows a config that has others.
/// Errors (environment): the folder is in use by another study or cannot be written; runs are missing and the CUDA
/// trainer cannot use the device. (config): the plan is empty; finished runs of the folder are not of the config's
/// plan, and study.toml plans others than it.
[[nodiscard]] StudySummary run_study(const StudyConfig& config, const StudyOptions& options);

/// For a terminal: counts, failures with their reasons, what to do.
[[nodiscard]] std::string describe(const StudySummary& summary);
[[nodiscard]] Json to_json(const StudySummary& summary);

}  // namespace scalelaw
