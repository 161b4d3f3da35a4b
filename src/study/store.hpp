#pragma once
// A study is a folder; nothing else holds state (docs/RECORDS.md). Records, events, the resolved config, the lock.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "design/config.hpp"
#include "os/file_lock.hpp"
#include "records/records.hpp"

namespace scalelaw::inline study {

// Paths inside a study folder.
[[nodiscard]] std::filesystem::path config_path(const std::filesystem::path& study);  // study.toml
[[nodiscard]] std::filesystem::path events_path(const std::filesystem::path& study);  // events.jsonl
[[nodiscard]] std::filesystem::path record_path(const std::filesystem::path& study,
                                                const std::string& id);  // runs/<id>.json
[[nodiscard]] std::filesystem::path job_folder(const std::filesystem::path& study, const std::string& id);  // jobs/<id>

/// A file under runs/ that is not a record; treated as a run not done.
struct BadRecord {
  std::string file;
  std::string reason;
};

struct RecordSet {
  std::map<std::string, RunRecord> records;  ///< by run id, failed ones included
  std::vector<BadRecord> bad;

  /// A run that need not be trained again: completed or diverged (a divergence is a result; a failure is not).
  [[nodiscard]] bool finished(const std::string& id) const;
};

/// Reads runs/*.json. A file that cannot be read, is no record, or whose spec does not hash to its name is listed as
/// bad.
[[nodiscard]] RecordSet read_records(const std::filesystem::path& study);
struct RecordCheck {
  bool finished = false;  ///< a readable, finished record of that id
  std::string refused;    ///< why what is there is none, naming the file; empty where nothing is there
};
/// What runs/<id>.json holds.
[[nodiscard]] RecordCheck check_record(const std::filesystem::path& study, const std::string& id);
void write_record(const std::filesystem::path& study, const RunRecord& record);
/// Removes the temporary files (NAME.tmp.PID, see write_file_atomic) of processes that were killed while writing,
/// anywhere in the study's folder.
void remove_abandoned_files(const std::filesystem::path& study);

/// What happens in a study: docs/RECORDS.md, "events.jsonl".
enum class StudyEvent {
  study_started,
  study_finished,
  study_interrupted,
  runs_added,
  run_finished,
  job_started,
  job_finished,
  job_stopped,
  job_retried,
  job_failed
};
constexpr std::array<std::string_view, 10> names_of(StudyEvent) {
  return {"study_started", "study_finished", "study_interrupted", "runs_added",  "run_finished",
          "job_started",   "job_finished",   "job_stopped",       "job_retried", "job_failed"};
}

/// Appends {"time", "event", ...} to events.jsonl.
void log_event(const std::filesystem::path& study, StudyEvent event, Json details = Json::object());
/// Every readable event, oldest first; a line cut off by a crash is skipped.
[[nodiscard]] std::vector<Json> read_events(const std::filesystem::path& study);

/// Whether study.toml is there and says something else; one of an earlier version that lacks corpus.sha256 or left the
/// backend open (auto) says the same where nothing else differs.
[[nodiscard]] bool differs_from_study_config(const std::filesystem::path& study, const StudyConfig& config);
/// Writes study.toml: the config with every default.
void write_study_config(const std::filesystem::path& study, const StudyConfig& config);
/// Errors (data): the folder is no study (no study.toml).
[[nodiscard]] StudyConfig load_study_config(const std::filesystem::path& study);

/// Exclusive right to run a study in a folder, held until destruction or the end of the process, however it ends.
class StudyLock {
 public:
  /// Errors (environment): another process runs a study there.
  explicit StudyLock(const std::filesystem::path& study);

 private:
  FileLock lock_;
};
/// Process id of the study running in the folder; 0 if none does.
[[nodiscard]] long running_study(const std::filesystem::path& study);

}  // namespace scalelaw::inline study
