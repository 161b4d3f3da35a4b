#pragma once
// What came of a study that was run.
#include <string>
#include <vector>

#include "study/jobs.hpp"
#include "study/rounds.hpp"

namespace scalelaw::inline exec {

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

/// For a terminal: counts, failures with their reasons, what to do.
[[nodiscard]] std::string describe(const StudySummary& summary);
[[nodiscard]] Json to_json(const StudySummary& summary);

}  // namespace scalelaw::inline exec
