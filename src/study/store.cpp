#include "study/store.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "core/format.hpp"
#include "os/files.hpp"
#include "records/record_file.hpp"

namespace scalelaw::inline study {
namespace {

namespace fs = std::filesystem;

fs::path lock_path(const fs::path& study) { return study / ".lock"; }

RunRecord read_record(const fs::path& file) {
  RunRecord record = read_record_file(file);
  const std::string id = run_id(record.spec);
  if (record.id != id || file.stem() != id) {
    fail_data("{}: its spec belongs to run {}, its id says {}; job.json lists the ids (run_ids)", file.string(), id,
              record.id);
  }
  return record;
}

bool is_finished(const RunRecord& record) { return record.outcome.status != RunStatus::failed; }

/// The file of a study's lock, in its folder, which is made where it is missing.
FileLock open_lock(const fs::path& study) {
  make_folder(study);
  return FileLock(lock_path(study));
}

/// The process id that the holder of the lock wrote into it; 0 where there is none.
long lock_owner(const fs::path& study) {
  std::ifstream file(lock_path(study));
  long owner = 0;
  file >> owner;
  return owner;
}

/// Whether the process is neither gone nor a zombie.
bool is_running(long pid) {
  if (::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) return false;
  std::ifstream stat(fmt::format("/proc/{}/stat", pid));
  const std::string text{std::istreambuf_iterator<char>(stat), {}};
  const auto name_end = text.rfind(") ");  // "PID (NAME) STATE ..."
  return name_end == std::string::npos || text.substr(name_end + 2, 1) != "Z";
}

/// The PID of NAME.tmp.PID, as write_file_atomic names its temporary files; 0 of any other name.
long writer_of(const std::string& name) {
  constexpr std::string_view kMark = ".tmp.";
  const auto at = name.rfind(kMark);
  if (at == std::string::npos) return 0;
  const std::string pid = name.substr(at + kMark.size());
  const bool digits =
      !pid.empty() && pid.size() < 10 && std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; });
  return digits ? std::stol(pid) : 0;
}

}  // namespace

fs::path config_path(const fs::path& study) { return study / "study.toml"; }
fs::path events_path(const fs::path& study) { return study / "events.jsonl"; }
fs::path record_path(const fs::path& study, const std::string& id) { return study / "runs" / (id + ".json"); }
fs::path job_folder(const fs::path& study, const std::string& id) { return study / "jobs" / id; }

bool RecordSet::finished(const std::string& id) const {
  const auto it = records.find(id);
  return it != records.end() && is_finished(it->second);
}

RecordSet read_records(const fs::path& study) {
  RecordSet set;
  std::error_code error;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(study / "runs", error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const auto& file : files) {
    try {
      RunRecord record = read_record(file);
      std::string id = record.id;
      set.records.emplace(std::move(id), std::move(record));
    } catch (const Error& e) {
      set.bad.push_back({file.string(), e.what()});
    }
  }
  return set;
}

RecordCheck check_record(const fs::path& study, const std::string& id) {
  const fs::path file = record_path(study, id);
  std::error_code error;
  if (!fs::exists(file, error)) return {.finished = false, .refused = ""};
  try {
    const RunRecord record = read_record(file);
    if (is_finished(record)) return {.finished = true, .refused = ""};
    return {.finished = false,
            .refused = fmt::format("{}: outcome.status is \"failed\"{}{}", file.string(),
                                   record.outcome.message.empty() ? "" : ": ", record.outcome.message)};
  } catch (const Error& e) {
    return {.finished = false, .refused = e.what()};
  }
}

void remove_abandoned_files(const fs::path& study) {
  std::error_code error;
  std::vector<fs::path> abandoned;
  for (fs::recursive_directory_iterator it(study, error), end; !error && it != end; it.increment(error)) {
    const long writer = writer_of(it->path().filename().string());
    if (writer > 0 && !is_running(writer)) abandoned.push_back(it->path());
  }
  for (const fs::path& file : abandoned) fs::remove(file, error);
}

void write_record(const fs::path& study, const RunRecord& record) {
  write_json_file(record_path(study, record.id), to_json(record));
}

void log_event(const fs::path& study, StudyEvent event, Json details) {
  details["time"] = utc_now();
  details["event"] = event;
  append_line(events_path(study), details.dump());
}

std::vector<Json> read_events(const fs::path& study) {
  std::vector<Json> events;
  std::error_code error;
  if (!fs::exists(events_path(study), error)) return events;
  std::istringstream lines(read_text_file(events_path(study)));
  for (std::string line; std::getline(lines, line);) {
    Json event = Json::parse(line, nullptr, false);
    if (event.is_object() && event.contains("event") && event["event"].is_string()) events.push_back(std::move(event));
  }
  return events;
}

bool differs_from_study_config(const fs::path& study, const StudyConfig& config) {
  std::error_code error;
  if (!fs::exists(config_path(study), error)) return false;
  try {
    StudyConfig before = read_kept_config(config_path(study));
    if (before.corpus.sha256.empty()) before.corpus.sha256 = config.corpus.sha256;
    if (before.backend.kind == BackendKind::automatic) before.backend.kind = config.backend.kind;
    return to_json_fields(before) != to_json_fields(config);
  } catch (const Error&) {
    return true;  // it is written anew
  }
}

void write_study_config(const fs::path& study, const StudyConfig& config) {
  const std::string text = to_toml(to_json_fields(config));
  std::error_code error;
  if (fs::exists(config_path(study), error) && read_text_file(config_path(study)) == text) return;
  write_file_atomic(config_path(study), text);
}

StudyConfig load_study_config(const fs::path& study) {
  std::error_code error;
  if (!fs::exists(config_path(study), error)) {
    fail_data("{}: is no study folder (it has no study.toml); 'scalelaw study CONFIG --out DIR' makes one",
              study.string());
  }
  return read_kept_config(config_path(study));
}

StudyLock::StudyLock(const fs::path& study) : lock_(open_lock(study)) {
  // A child that a killed study was just starting holds that study's lock until it has become another program, so
  // where the owner is gone the lock is soon free.
  const auto owner_is_gone = [&] {
    const long owner = lock_owner(study);
    return owner > 0 && !is_running(owner);
  };
  if (!lock_.wait_lock(std::chrono::seconds(3), owner_is_gone)) {
    fail_device("{}: another study is running in this folder (process {}); wait for it, stop it, or give another --out",
                study.string(), lock_owner(study));
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock_.fd(), 0) != 0 || ::pwrite(lock_.fd(), pid.data(), pid.size(), 0) < 0) {
    const int problem = errno;
    fail_device("cannot write {}: {}; free some space or check the folder", lock_path(study).string(),
                std::strerror(problem));
  }
}

long running_study(const fs::path& study) { return is_locked(lock_path(study)) ? lock_owner(study) : 0; }

}  // namespace scalelaw::inline study
