#pragma once
// One job -> records.
#include <filesystem>
#include <functional>

#include "records/job.hpp"

namespace scalelaw::inline train {

struct TrainerHooks {
  std::function<void(const Json& event)> report;  ///< progress events (docs/RECORDS.md, "Trainer events")
  std::function<bool()> stop;  ///< asked between steps; true: write a checkpoint and return ExitCode::interrupted
};

/// Trains every run of the job that has no record in study/runs yet, and writes its record and curve. Branch by branch:
/// all results of a branch are first written to study/jobs/<id>/branch_<trunk tokens>_<tokens>.json, so that a process
/// killed between two records completes them without training. Checkpoints go to study/jobs/<id>/checkpoint.safetensors
/// at every branch point and every checkpoint_every_s; what is resumed continues to the last bit. A checkpoint that
/// cannot be used is reported (event "note") and the job starts again.
/// @return ok, or interrupted. Errors: config (what this device cannot do), data (corpus), device.
ExitCode run_job(const Job& job, const std::filesystem::path& study, const TrainerHooks& hooks);

}  // namespace scalelaw::inline train
