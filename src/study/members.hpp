#pragma once
// Which records of a study's folder are analysed: those of its plan as study.toml has it, and what their results called
// for. The folder may hold others, of an earlier config.
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "design/plan.hpp"
#include "select/population.hpp"
#include "study/store.hpp"

namespace scalelaw::inline study {

/// Ids of the finished records that belong to the plan or to the runs that its finished runs call for (extend_plan).
/// Runs of the plan that were never made do not hold back what the others called for.
[[nodiscard]] std::set<std::string> member_ids(const StudyConfig& config, const Plan& plan, const RecordSet& records);

/// The finished records that are no members, a line each kind: "55 runs: corpus 3f2a91c0d1e2, not 9b1d03aa7c55", or
/// "4 runs of the same population that the plan does not hold".
[[nodiscard]] std::vector<std::string> describe_others(const std::vector<RunRecord>& members,
                                                       const std::vector<RunRecord>& others);

/// The records of a folder apart, failed runs among them: those of the plan of its study.toml, however it may be read,
/// with what their results called for; and those that only lie there. A failed run is of the plan if it is of its
/// population. Errors (config): the plan cannot be made.
struct FolderRecords {
  std::vector<RunRecord> of_plan, others;
  std::vector<std::string> described;  ///< the finished ones among the others, a line each kind
};
[[nodiscard]] FolderRecords records_of_plan(const StudyConfig& config, const RecordSet& records);

/// A run to come as a record, to say in what others differ from it.
[[nodiscard]] RunRecord planned_record(const RunSpec& spec);

/// The records of a folder to analyse together.
struct StudyRecords {
  std::vector<RunRecord> records;  ///< by id; failed runs are among them
  std::vector<BadRecord> bad;
  std::vector<std::string> notes;     ///< what was left out or pooled, one line each, for people
  std::optional<StudyConfig> config;  ///< of study.toml, where there is one
};

/// Records of the folder's current plan; with restrictions those of all its records that meet them; with `pool` all.
/// Where there is no study.toml, or none of the records is of its plan (one that an earlier version made), all, if they
/// are one population. Errors (data): no runs/, no readable record, several populations. (config): see records_where.
[[nodiscard]] StudyRecords load_study_records(const std::filesystem::path& folder, const PopulationChoice& choice);

}  // namespace scalelaw::inline study
