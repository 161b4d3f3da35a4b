#pragma once
// The job file ("scalelaw.job/1"): what `scalelaw` asks of a trainer, the only thing that passes between the two
// programs.
#include <string>
#include <vector>

#include "records/asked.hpp"
#include "records/records.hpp"

namespace scalelaw::inline records {

/// Tokens that a trainer evaluates at once on CUDA, of all members together, but at least one window each: many for a
/// device to be busy, and part of the memory that it takes.
constexpr std::int64_t kDeviceEvalTokens = 65536;

/// What a trainer tells on standard output, a JSON object a line: docs/RECORDS.md, "Trainer events".
enum class TrainerEvent { start, progress, note, record, done };
constexpr std::array<std::string_view, 5> names_of(TrainerEvent) {
  return {"start", "progress", "note", "record", "done"};
}

/// A set of runs trained together as one stacked model. They share model, batch_tokens, corpus, eval_tokens and
/// precision; everything else (learning rate, seed, decay, tokens, schedule ...) may differ. Runs that differ only in
/// tokens and share a trunk (trunk_id) are branched from it.
struct Job {
  std::string schema = "scalelaw.job/1";
  std::string id;      ///< job_id(runs)
  std::string corpus;  ///< folder of the corpus: manifest.json and the token files
  DeviceKind device = DeviceKind::cpu;
  TrainerSettings trainer;
  std::int64_t threads = 1;
  std::vector<RunSpec> runs;
  std::vector<std::string> run_ids = {};  ///< run_id of each of runs: names of the records; to_json fills them in
};
template <class Visit, FieldsOf<Job> T>
void fields(Visit&& visit, T& j) {
  visit("schema", j.schema, one_of({"scalelaw.job/1"}), "format");
  visit("id", j.id, any(), "id of the job");
  visit("corpus", j.corpus, any(), "folder of the corpus");
  visit("device", j.device, named<DeviceKind>(), "where to train");
  fields(visit, j.trainer);
  visit("threads", j.threads, between(1, 1024), "threads inside an operation, on a CPU");
  visit("runs", j.runs, any(), "specs of the runs");
  visit("run_ids", j.run_ids, any(), "id of each of the runs, in their order");
}

/// id of the job that holds these runs: short_id of the sorted run ids, so that the order of runs does not matter.
[[nodiscard]] std::string job_id(const std::vector<RunSpec>& runs);

/// Throws a config error naming the first run and field that does not fit: no runs, the same run twice, runs that do
/// not share what a job must share, a simulated run, batch_tokens that is not a multiple of the context, micro_tokens
/// that is none or does not divide batch_tokens, an impossible shape.
void check_job(const Job& job);

/// A checked job as JSON and back. micro_tokens is there where it is not 0. An empty id and absent run_ids are filled
/// in on reading; wrong ones are an error. Errors: config error naming `name` and the key.
[[nodiscard]] Json to_json(const Job& job);
[[nodiscard]] Job job_from_json(const Json& value, const std::string& name);

}  // namespace scalelaw::inline records
