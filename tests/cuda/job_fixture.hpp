#pragma once
// A small job trained on CUDA.
#include <map>
#include <string>
#include <vector>

#include "records/job.hpp"
#include "temp_folder.hpp"
#include "train/synthetic.hpp"
#include "train/trainer.hpp"

namespace scalelaw::cuda {

struct JobRun {
  std::vector<std::string> notes;
  std::map<std::string, Json> records;
};
/// Two budgets of one run. @param stop_after if not negative: interrupted when it has been asked so often, then resumed
inline JobRun run_on_cuda(const std::string& name, int stop_after = -1, std::int64_t micro_tokens = 0) {
  const auto folder = fresh_folder(name);
  Job job;
  job.corpus = (folder / "corpus").string();
  job.device = DeviceKind::cuda;
  job.trainer.micro_tokens = micro_tokens;
  const Manifest manifest = synthetic::write_corpus(job.corpus);
  for (const std::int64_t steps : {20, 190}) job.runs.push_back(synthetic::small_run(manifest.sha256, 0.01, steps));
  job.id = job_id(job.runs);
  JobRun result;
  int asked = 0;
  const TrainerHooks hooks{.report =
                               [&](const Json& event) {
                                 if (event.at("event") == "note") result.notes.push_back(event.at("message"));
                               },
                           .stop = [&] { return stop_after >= 0 && asked++ == stop_after; }};
  ExitCode code = run_job(job, folder / "out", hooks);
  EXPECT_EQ(code, stop_after >= 0 ? ExitCode::interrupted : ExitCode::ok);
  if (code == ExitCode::interrupted) code = run_job(job, folder / "out", hooks);
  EXPECT_EQ(code, ExitCode::ok);
  for (const RunSpec& run : job.runs) {
    result.records[run_id(run)] = read_json_file(folder / "out" / "runs" / (run_id(run) + ".json"));
  }
  return result;
}

}  // namespace scalelaw::cuda
