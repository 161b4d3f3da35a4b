#pragma once
// The measured speeds of this machine: kept in a file, measured by the trainer itself.
#include <filesystem>
#include <string>

#include "core/job.hpp"
#include "study/cost.hpp"

namespace scalelaw {

/// How a study's CPU workers run.
struct WorkerSetup {
  std::int64_t workers = 1;     ///< at once
  std::int64_t threads = 1;     ///< of each
  std::string engine = "auto";  ///< asked for, see Job::engine
};

/// What a job's speed depends on: processor, build of the program, shape, batch, precision, number of members, how
/// workers run.
[[nodiscard]] std::string speed_key(const std::vector<RunSpec>& runs, const WorkerSetup& setup);

/// $XDG_CACHE_HOME/scalelaw/speeds.json, or under ~/.cache; empty where neither variable is set.
[[nodiscard]] std::filesystem::path speed_table_file();
/// An absent or unreadable file is an empty table: it is a cache.
[[nodiscard]] SpeedTable read_speeds(const std::filesystem::path& file);
/// Errors (environment): cannot be written.
void write_speeds(const std::filesystem::path& file, const SpeedTable& table);

/// Measures a job by `copies` processes of `scalelaw-trainer --measure` at once, as many as there are workers, and
/// averages: in about a second, and nothing but a temporary file is written.
/// Errors (environment): the trainer cannot be started, or fails, with its reason.
[[nodiscard]] Speed measure_speed(const std::filesystem::path& trainer, const Job& job, std::int64_t copies);

}  // namespace scalelaw
