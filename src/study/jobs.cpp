#include "study/jobs.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "design/plan.hpp"
#include "records/observation.hpp"

namespace scalelaw::inline study {
namespace {

namespace fs = std::filesystem;

std::string stack_key(const RunSpec& run) {
  Json value = to_json(run);
  value["data"].erase("tokens");
  value["optimizer"].erase("lr");
  value["optimizer"].erase("warmup_fraction");
  value.erase("seed");
  return value.dump();
}

JobPlan make_job(std::vector<RunSpec> runs, std::int64_t micro_tokens) {
  JobPlan job;
  job.micro_tokens = micro_tokens;
  job.id = job_id(runs);
  job.flops = training_flops(runs);
  job.runs = std::move(runs);
  return job;
}

/// The micro-batch of a job once written, none if it no longer fits.
std::optional<std::int64_t> micro_of_written(const Job& job, const JobLimit& limit) {
  JobLimit as_written = limit;
  if (limit.place.micro_tokens == 0) as_written.place.micro_tokens = job.trainer.micro_tokens;
  const std::optional<std::int64_t> micro = micro_to_fit(job.runs, as_written);
  return micro ? micro : micro_to_fit(job.runs, limit);
}

}  // namespace

std::vector<Job> read_jobs(const fs::path& study) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(study / "jobs", error)) files.push_back(entry.path() / "job.json");
  std::ranges::sort(files);
  std::vector<Job> jobs;
  for (const auto& file : files) {
    try {
      if (fs::exists(file, error)) jobs.push_back(job_from_json(read_json_file(file), file.string()));
    } catch (const Error&) {
      continue;  // written anew from the plan
    }
  }
  return jobs;
}

std::vector<JobPlan> group_jobs(const std::vector<RunSpec>& plan, const fs::path& study, const RecordSet& records,
                                const JobLimit& limit) {
  std::map<std::string, const RunSpec*> open;  // runs of the plan that belong to no job yet
  for (const RunSpec& run : plan) open.emplace(run_id(run), &run);
  const auto is_open = [&](const RunSpec& run) { return open.contains(run_id(run)); };

  std::vector<JobPlan> jobs;
  std::vector<Job> others;
  for (Job& job : read_jobs(study)) {
    const std::optional<std::int64_t> micro = micro_of_written(job, limit);
    if (std::ranges::all_of(job.runs, is_open) && micro) {
      for (const RunSpec& run : job.runs) open.erase(run_id(run));
      jobs.push_back(make_job(std::move(job.runs), *micro));
    } else {
      others.push_back(std::move(job));
    }
  }
  for (const Job& job : others) {
    for (const RunSpec& run : job.runs) {
      if (records.finished(run_id(run))) open.erase(run_id(run));
    }
  }

  std::map<std::string, std::vector<RunSpec>> groups;
  for (const RunSpec& run : plan) {
    if (is_open(run)) groups[stack_key(run)].push_back(run);
  }
  for (auto& [key, runs] : groups) {
    for (std::vector<RunSpec>& part : split_to_fit(std::move(runs), limit)) {
      const std::int64_t micro = micro_to_fit(part, limit).value();
      jobs.push_back(make_job(std::move(part), micro));
    }
  }
  std::ranges::sort(
      jobs, [](const JobPlan& a, const JobPlan& b) { return a.flops != b.flops ? a.flops > b.flops : a.id < b.id; });
  return jobs;
}

std::vector<std::string> missing_runs(const JobPlan& job, const RecordSet& records) {
  std::vector<std::string> missing;
  for (const RunSpec& run : job.runs) {
    std::string id = run_id(run);
    if (!records.finished(id)) missing.push_back(std::move(id));
  }
  return missing;
}

std::vector<std::string> describe_micro_batches(const std::vector<JobPlan>& jobs) {
  std::vector<std::string> lines;
  for (const JobPlan& job : jobs) {
    if (job.micro_tokens == 0) continue;
    const RunSpec& spec = job.runs.front();
    std::string line = fmt::format("{}: a step of one run takes {} of its {} tokens at once (training.micro_tokens)",
                                   shape_name(spec.model), job.micro_tokens, spec.data.batch_tokens);
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  return lines;
}

std::string describe(const JobPlan& job) {
  return fmt::format("{}, {} run{}", shape_name(job.runs.front().model), job.runs.size(),
                     job.runs.size() == 1 ? "" : "s");
}

}  // namespace scalelaw::inline study
