#pragma once
// What a study folder says of itself.
#include <filesystem>
#include <string>
#include <vector>

#include "study/jobs.hpp"
#include "study/store.hpp"

namespace scalelaw::inline study {

struct StudyStatus {
  std::string name;
  std::int64_t planned = 0;        ///< of the last start, and added since
  std::vector<std::string> added;  ///< runs that results called for since the last start, one line each
  std::int64_t completed = 0;      ///< records of the plan of study.toml; all where none is of it and none was kept
  std::int64_t diverged = 0;
  std::int64_t failed = 0;
  std::int64_t others_kept = 0;     ///< records of other plans in the folder
  std::vector<std::string> others;  ///< the finished ones among them, a line each kind
  std::vector<BadRecord> bad;
  long process = 0;                    ///< of the study running now; 0 if none is
  std::vector<std::string> running;    ///< jobs at work, "id (d32 L2, 16 runs)"; only while a study is running
  std::vector<FailedJob> failed_jobs;  ///< since the last start
  std::vector<Json> last_events;
};

/// Errors (data): the folder is no study.
[[nodiscard]] StudyStatus study_status(const std::filesystem::path& study);
[[nodiscard]] std::string describe(const StudyStatus& status);
[[nodiscard]] Json to_json(const StudyStatus& status);

}  // namespace scalelaw::inline study
