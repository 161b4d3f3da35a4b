#include "records/job.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace scalelaw::inline records {
namespace {

std::vector<std::string> run_ids(const std::vector<RunSpec>& runs) {
  std::vector<std::string> ids;
  ids.reserve(runs.size());
  for (const RunSpec& run : runs) ids.push_back(run_id(run));
  return ids;
}

}  // namespace

std::string job_id(const std::vector<RunSpec>& runs) {
  std::vector<std::string> ids = run_ids(runs);
  std::sort(ids.begin(), ids.end());
  return short_id(Json(ids));
}

void check_job(const Job& job) {
  if (job.runs.empty()) fail_config("job {}: has no runs", job.id);
  const RunSpec& first = job.runs.front();
  const ModelSpec& m = first.model;
  if (m.d_head % 2 != 0 || m.n_head * m.d_head != m.d_model) {
    fail_config("job {}: d_head {} must be even and n_head * d_head must be d_model ({} * {} is not {})", job.id,
                m.d_head, m.n_head, m.d_head, m.d_model);
  }
  if (first.data.batch_tokens % m.context != 0) {
    fail_config("job {}: batch_tokens {} must be a multiple of the context {}", job.id, first.data.batch_tokens,
                m.context);
  }
  const std::int64_t micro = job.trainer.micro_tokens;
  if (micro != 0 && (micro % m.context != 0 || first.data.batch_tokens % micro != 0)) {
    fail_config("job {}: micro_tokens {} must be a multiple of the context {} that divides batch_tokens {}", job.id,
                micro, m.context, first.data.batch_tokens);
  }
  std::set<std::string> ids;
  for (const RunSpec& run : job.runs) {
    const std::string id = run_id(run);
    if (!ids.insert(id).second) fail_config("job {}: run {} is in it twice", job.id, id);
    if (run.backend.kind != RunMaker::train)
      fail_config("job {}: run {} is simulated; a trainer cannot make it", job.id, id);
    const std::pair<const char*, bool> shared[] = {
        {"model", to_json_fields(run.model) == to_json_fields(m)},
        {"data.batch_tokens", run.data.batch_tokens == first.data.batch_tokens},
        {"data.corpus_sha256", run.data.corpus_sha256 == first.data.corpus_sha256},
        {"data.eval_tokens", run.data.eval_tokens == first.data.eval_tokens},
        {"precision", run.precision == first.precision}};
    for (const auto& [what, same] : shared) {
      if (!same)
        fail_config("job {}: run {} differs from run {} in {}; put it in another job", job.id, id, run_id(first), what);
    }
  }
}

Json to_json(const Job& job) {
  Json value = to_json_fields(job);
  value["run_ids"] = run_ids(job.runs);
  if (job.trainer.micro_tokens == 0) value.erase("micro_tokens");
  return value;
}

Job job_from_json(const Json& value, const std::string& name) {
  Job job;
  read_fields(value, job, Source{.name = name, .origin = {}});
  const std::string id = job_id(job.runs);
  if (job.id.empty()) job.id = id;
  if (job.id != id)
    fail_config("{}: id is {}, but its runs make it {}; let scalelaw write job files", name, job.id, id);
  const std::vector<std::string> ids = run_ids(job.runs);
  if (job.run_ids.empty()) job.run_ids = ids;
  if (job.run_ids.size() != ids.size()) {
    fail_config("{}: has {} run_ids for {} runs; let scalelaw write job files", name, job.run_ids.size(), ids.size());
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (job.run_ids[i] == ids[i]) continue;
    fail_config("{}: run_ids[{}] is {}, but the spec of runs[{}] makes it {}; let scalelaw write job files", name, i,
                job.run_ids[i], i, ids[i]);
  }
  check_job(job);
  return job;
}

}  // namespace scalelaw::inline records
