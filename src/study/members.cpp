#include "study/members.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>

#include "core/json.hpp"
#include "study/corpus_names.hpp"
#include "study/rounds.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::inline study {
namespace {

namespace fs = std::filesystem;

/// What a plan needs to know of a corpus that may be gone: nothing is left out for its epochs.
CorpusFacts facts_of(const std::string& sha256) {
  constexpr std::int64_t kEndless = std::numeric_limits<std::int64_t>::max() / 4;
  return {sha256, kEndless, kEndless};
}

/// The corpora that the study may have been trained on: the one its config names, else those of its records.
std::set<std::string> corpora_of(const StudyConfig& config, const RecordSet& set) {
  if (!config.corpus.sha256.empty()) return {config.corpus.sha256};
  std::set<std::string> corpora;
  for (const auto& [id, record] : set.records) {
    if (!record.spec.data.corpus_sha256.empty()) corpora.insert(record.spec.data.corpus_sha256);
  }
  if (corpora.empty()) return {""};
  if (corpora.size() == 1) return corpora;
  try {  // the corpus that lies where the config looks
    const Json manifest = read_json_file(fs::path(config.corpus.path) / "manifest.json");
    const std::string here = manifest.value("sha256", std::string());
    if (corpora.contains(here)) return {here};
  } catch (const std::exception&) {
    return corpora;  // it is gone, or none
  }
  return corpora;
}

/// The plan under every way in which the config can be read: a config of an earlier version says neither which corpus
/// nor, where its backend is auto, whether it was simulated.
std::vector<Plan> plans_of(const StudyConfig& config, const RecordSet& set) {
  std::vector<Plan> plans;
  if (config.backend.kind == BackendKind::simulate || config.backend.kind == BackendKind::automatic) {
    plans.push_back(study_plan(config, true, nullptr));
  }
  if (config.backend.kind == BackendKind::simulate) return plans;
  for (const std::string& corpus : corpora_of(config, set)) {
    const CorpusFacts facts = facts_of(corpus);
    plans.push_back(study_plan(config, false, &facts));
  }
  return plans;
}

std::set<std::string> members_of(const StudyConfig& config, const RecordSet& set) {
  std::set<std::string> ids;
  for (const Plan& plan : plans_of(config, set)) ids.merge(member_ids(config, plan, set));
  return ids;
}

/// Whether the record is of the population of one of these.
bool is_of(const std::vector<RunRecord>& records, const RunRecord& record) {
  return std::ranges::any_of(records, [&](const RunRecord& one) { return same_population(record, one); });
}

/// Failed runs of the members' population, which the analysis names; those of another are of no interest.
void add_failed(const RecordSet& set, std::vector<RunRecord>& members) {
  const std::size_t finished = members.size();
  for (const auto& [id, record] : set.records) {
    const bool known = std::ranges::any_of(members, [&id = id](const RunRecord& m) { return m.id == id; });
    if (set.finished(id) || known) continue;
    if (finished == 0 || same_population(record, members.front())) members.push_back(record);
  }
}

}  // namespace

std::set<std::string> member_ids(const StudyConfig& config, const Plan& plan, const RecordSet& records) {
  Plan made = plan;
  std::erase_if(made.runs, [&](const PlannedRun& run) { return !records.finished(run_id(run.spec)); });
  std::set<std::string> ids;
  for (const PlannedRun& run : extend_plan(config, made, records).runs) {
    const std::string id = run_id(run.spec);
    if (records.finished(id)) ids.insert(id);
  }
  return ids;
}

RunRecord planned_record(const RunSpec& spec) {
  RunRecord record;
  record.source = spec.backend.kind == RunMaker::simulate ? RunSource::simulated : RunSource::trained;
  record.spec = spec;
  return record;
}

FolderRecords records_of_plan(const StudyConfig& config, const RecordSet& records) {
  std::set<std::string> ids;
  std::vector<RunRecord> planned;  // one of each plan
  for (const Plan& plan : plans_of(config, records)) {
    ids.merge(member_ids(config, plan, records));
    if (plan.runs.empty()) continue;
    planned.push_back(planned_record(plan.runs.front().spec));
  }
  FolderRecords out;
  std::vector<RunRecord> finished_others;
  for (const auto& [id, record] : records.records) {
    const bool finished = records.finished(id);
    const bool own = finished ? ids.contains(id) : is_of(planned, record);
    (own ? out.of_plan : out.others).push_back(record);
    if (finished && !own) finished_others.push_back(record);
  }
  // Of an old config that may be read in several ways the runs themselves say which it was.
  out.described = describe_others(out.of_plan.empty() ? planned : out.of_plan, finished_others);
  return out;
}

std::vector<std::string> describe_others(const std::vector<RunRecord>& members, const std::vector<RunRecord>& others) {
  std::map<std::string, std::int64_t> kinds;
  for (const RunRecord& other : others) {
    std::string kind = " of the same population that the plan does not hold";
    if (!members.empty()) {
      const auto differences = population_differences({members.front(), other});
      const bool foreign = std::ranges::any_of(differences, [](const PopulationDifference& d) {
        return !d.field.starts_with("data.batch") && !d.field.starts_with("optimizer.warmup");
      });
      if (foreign) {
        const std::string& field = differences.front().field;
        kind = fmt::format(": another {}, {}", config_key(field), short_value(field, population_of(other).at(field)));
      }
    }
    ++kinds[kind];
  }
  std::vector<std::string> lines;
  for (const auto& [kind, runs] : kinds) lines.push_back(fmt::format("{} run{}{}", runs, runs == 1 ? "" : "s", kind));
  return lines;
}

StudyRecords load_study_records(const fs::path& folder, const PopulationChoice& choice) {
  if (!fs::is_directory(folder / "runs")) {
    fail_data("{}: no such folder, so this is not a study; give the folder that holds runs/ (scalelaw study writes it)",
              (folder / "runs").string());
  }
  RecordSet set = read_records(folder);
  if (set.records.empty()) {
    fail_data("{}: no readable record; run scalelaw study or scalelaw run first{}", (folder / "runs").string(),
              set.bad.empty() ? "" : " (" + set.bad.front().reason + ")");
  }
  StudyRecords out;
  if (fs::exists(config_path(folder))) out.config = load_study_config(folder);
  std::vector<RunRecord> others;
  const bool by_plan = out.config && choice.where.empty() && !choice.pool;
  const std::set<std::string> ids = by_plan ? members_of(*out.config, set) : std::set<std::string>{};
  for (const auto& [id, record] : set.records) {
    if (by_plan && !set.finished(id)) continue;
    (ids.empty() || ids.contains(id) ? out.records : others).push_back(record);
  }
  add_failed(set, out.records);
  out.bad = std::move(set.bad);
  if (by_plan && ids.empty()) {
    out.notes.push_back(fmt::format(
        "none of the {} runs is one that study.toml plans now (an earlier version or another config made them): all "
        "are analysed",
        out.records.size()));
  }
  for (const std::string& line : describe_others(out.records, others)) {
    out.notes.push_back(fmt::format("not analysed, since they are not of the study's plan: {}", line));
  }
  if (!choice.where.empty()) {
    const std::size_t all = out.records.size();
    out.records = records_where(std::move(out.records), choice.where, corpus_names({folder}, choice.where));
    out.notes.push_back(
        fmt::format("{} of {} runs, those with {}", out.records.size(), all, fmt::join(choice.where, ", ")));
  }
  const std::string pooled = require_one_population(out.records, folder.string(), choice);
  if (!pooled.empty()) out.notes.push_back(pooled);
  return out;
}

}  // namespace scalelaw::inline study
