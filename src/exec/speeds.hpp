#pragma once
// The measured speeds of this machine and its CUDA devices: kept in a file, measured by the trainer itself.
#include <filesystem>
#include <string>

#include "records/job.hpp"
#include "study/cost.hpp"

namespace scalelaw::inline exec {

/// How the processes that train a study run.
struct WorkerSetup {
  std::int64_t workers = 1;  ///< at once
  std::int64_t threads = 1;  ///< of each
  TrainerSettings trainer = {};
  DeviceKind device = DeviceKind::cpu;
  std::int64_t devices = 1;    ///< on CUDA: that the workers share
  std::string cuda_name = {};  ///< on CUDA: of the devices, see Environment; empty where there is none here
};

/// What a job's speed depends on: processor (or CUDA device, number of devices and graph), build of the program, shape,
/// batch and micro-batch (that of the setup), precision, number of members, how workers run.
[[nodiscard]] std::string speed_key(const std::vector<RunSpec>& runs, const WorkerSetup& setup);

/// $XDG_CACHE_HOME/scalelaw/speeds.json, or under ~/.cache; empty where neither variable is set.
[[nodiscard]] std::filesystem::path speed_table_file();
/// An absent or unreadable file is an empty table: it is a cache.
[[nodiscard]] SpeedTable read_speeds(const std::filesystem::path& file);
/// Errors (environment): cannot be written.
void write_speeds(const std::filesystem::path& file, const SpeedTable& table);

/// Measures a job by as many processes of `scalelaw-trainer --measure` at once as there are workers, on CUDA spread
/// over the devices as workers are, and averages: in about a second on a CPU, and nothing but a temporary file is
/// written. Errors (environment): the trainer cannot be started, or fails, with how it ended and its last line.
[[nodiscard]] Speed measure_speed(const std::filesystem::path& trainer, const Job& job, const WorkerSetup& setup);

}  // namespace scalelaw::inline exec
