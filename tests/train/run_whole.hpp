#pragma once
// Whole jobs in this process, and what of their records must be equal.
#include <map>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "os/files.hpp"
#include "train/trainer.hpp"

namespace scalelaw::synthetic {

struct Trained {
  ExitCode code = ExitCode::ok;
  std::vector<Json> events;
};

/// @param stop_after asks the trainer to stop once it has asked this many times; never where negative
inline Trained train_job(const Job& job, const std::filesystem::path& out, int stop_after = -1) {
  Trained result;
  int asked = 0;
  result.code = run_job(job, out,
                        {.report = [&](const Json& event) { result.events.push_back(event); },
                         .stop = [&] { return stop_after >= 0 && asked++ >= stop_after; }});
  return result;
}

inline RunRecord record_of(const RunSpec& spec, const std::filesystem::path& out) {
  const std::string name = run_id(spec) + ".json";
  return record_from_json(read_json_file(out / "runs" / name), name);
}

/// Everything in the records that must not depend on when and how often the job was interrupted.
inline std::map<std::string, std::string> numbers(const Job& job, const std::filesystem::path& out) {
  std::map<std::string, std::string> result;
  for (const RunSpec& spec : job.runs) {
    const std::string id = run_id(spec);
    Json value = read_json_file(out / "runs" / (id + ".json"));
    value.erase("throughput");
    value.erase("context");
    result[id] = canonical_json(value) + read_text_file(out / "curves" / (id + ".csv"));
  }
  return result;
}

}  // namespace scalelaw::synthetic
