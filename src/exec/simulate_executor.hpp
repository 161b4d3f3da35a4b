#pragma once
// Simulated runs, made in this process.
#include <filesystem>

#include "exec/executor.hpp"

namespace scalelaw {

/// Simulates the runs of a job, in order, one at each poll, and writes their records. The last record comes with the
/// end of the job; a cancelled job ends before its next run. Errors of poll: a spec that cannot be simulated;
/// (environment) a record cannot be written.
[[nodiscard]] Executor make_simulate_executor(const std::filesystem::path& study);

}  // namespace scalelaw
