#include "study/status.hpp"

#include <algorithm>
#include <map>

#include "core/format.hpp"
#include "study/members.hpp"

namespace scalelaw::inline study {
namespace {

constexpr std::size_t kLastEvents = 5;

std::string text_of(const Json& event, const char* key) {
  const auto it = event.find(key);
  if (it == event.end() || it->is_null()) return "";
  return it->is_string() ? it->get<std::string>() : it->dump();
}

/// None of an event that an other version wrote.
std::optional<StudyEvent> event_of(const Json& event) { return find_named<StudyEvent>(text_of(event, "event")); }

void count_record(const RunRecord& record, StudyStatus& status) {
  if (record.outcome.status == RunStatus::completed) ++status.completed;
  if (record.outcome.status == RunStatus::diverged) ++status.diverged;
  if (record.outcome.status == RunStatus::failed) ++status.failed;
}

/// Whether the last start found runs of other plans, which then were kept.
bool kept_others(const std::vector<Json>& events) {
  bool kept = false;
  for (const Json& event : events) {
    if (event_of(event) == StudyEvent::study_started) kept = !event.value("others", Json::array()).empty();
  }
  return kept;
}

/// Records of the plan, and how many others there are. Where no finished one is of the plan and nobody kept others, as
/// after an earlier version's study, all count, as they are analysed.
void count_records(const StudyConfig& config, const RecordSet& set, bool kept, StudyStatus& status) {
  try {
    FolderRecords folder = records_of_plan(config, set);
    const bool any =
        std::ranges::any_of(folder.of_plan, [](const RunRecord& r) { return r.outcome.status != RunStatus::failed; });
    if (!any && !kept) {
      folder.of_plan.insert(folder.of_plan.end(), folder.others.begin(), folder.others.end());
      folder.others.clear();
      folder.described.clear();
    }
    for (const RunRecord& record : folder.of_plan) count_record(record, status);
    status.others_kept = std::ssize(folder.others);
    status.others = std::move(folder.described);
  } catch (const Error&) {  // study.toml plans nothing here
    for (const auto& [id, record] : set.records) count_record(record, status);
  }
}

}  // namespace

StudyStatus study_status(const std::filesystem::path& study) {
  StudyStatus status;
  const StudyConfig config = load_study_config(study);
  status.name = config.name;
  status.process = running_study(study);
  RecordSet set = read_records(study);
  status.bad = std::move(set.bad);
  const std::vector<Json> events = read_events(study);
  count_records(config, set, kept_others(events), status);
  std::map<std::string, std::string> running;
  for (const Json& event : events) {
    const std::optional<StudyEvent> kind = event_of(event);
    const std::string job = text_of(event, "job");
    if (kind == StudyEvent::study_started) {
      running.clear();
      status.failed_jobs.clear();
      status.added.clear();
      const double planned = number_or_nan(event, "planned");
      status.planned = planned > 0 ? static_cast<std::int64_t>(planned) : 0;
    } else if (kind == StudyEvent::runs_added) {
      const double runs = number_or_nan(event, "runs");
      status.planned += runs > 0 ? static_cast<std::int64_t>(runs) : 0;
      for (const Json& line : event.value("what", Json::array())) {
        if (line.is_string()) status.added.push_back(line.get<std::string>());
      }
    } else if (kind == StudyEvent::job_started) {
      running[job] = text_of(event, "what");
    } else if (kind == StudyEvent::job_finished || kind == StudyEvent::job_stopped || kind == StudyEvent::job_failed ||
               kind == StudyEvent::job_retried) {
      running.erase(job);
    }
    if (kind == StudyEvent::job_failed)
      status.failed_jobs.push_back({job, text_of(event, "what"), text_of(event, "reason")});
  }
  if (status.process != 0) {
    for (const auto& [job, what] : running) status.running.push_back(fmt::format("{} ({})", job, what));
  }
  const std::size_t first = events.size() > kLastEvents ? events.size() - kLastEvents : 0;
  status.last_events.assign(events.begin() + static_cast<std::ptrdiff_t>(first), events.end());
  return status;
}

std::string describe(const StudyStatus& s) {
  std::string out = fmt::format("{}: of the plan {} completed, {} diverged, {} failed; the last start planned {}\n",
                                s.name, s.completed, s.diverged, s.failed, s.planned);
  if (s.others_kept > 0) out += fmt::format("others kept: {}\n", counted(s.others_kept, "record"));
  for (const std::string& line : s.others) out += fmt::format("  {}\n", line);
  out += s.process != 0 ? fmt::format("running now (process {})\n", s.process) : std::string("not running\n");
  for (const auto& line : s.added) out += fmt::format("added: {}\n", line);
  for (const auto& job : s.running) out += fmt::format("  job {}\n", job);
  for (const auto& job : s.failed_jobs) out += fmt::format("failed: job {} ({}): {}\n", job.id, job.what, job.reason);
  for (const auto& bad : s.bad) out += fmt::format("not a record: {}\n", bad.reason);
  if (!s.last_events.empty()) out += "last events:\n";
  for (const Json& event : s.last_events) {
    std::string line = fmt::format("  {} {}", text_of(event, "time"), text_of(event, "event"));
    for (const char* key : {"job", "run", "loss", "reason", "made"}) {
      std::string text = text_of(event, key);
      if (std::string_view(key) == "loss" && !text.empty()) text = fmt::format("{:.5g}", number_or_nan(event, key));
      if (!text.empty()) line += fmt::format(" {} {}", key, text);
    }
    out += line + "\n";
  }
  return out;
}

Json to_json(const StudyStatus& s) {
  Json failed = Json::array();
  for (const auto& job : s.failed_jobs) failed.push_back({{"job", job.id}, {"what", job.what}, {"reason", job.reason}});
  Json bad = Json::array();
  for (const auto& record : s.bad) bad.push_back({{"file", record.file}, {"reason", record.reason}});
  return {{"name", s.name},
          {"planned", s.planned},
          {"added", s.added},
          {"others", s.others},
          {"others_kept", s.others_kept},
          {"completed", s.completed},
          {"diverged", s.diverged},
          {"failed", s.failed},
          {"process", s.process},
          {"running", s.running},
          {"failed_jobs", failed},
          {"bad_records", bad},
          {"last_events", s.last_events}};
}

}  // namespace scalelaw::inline study
