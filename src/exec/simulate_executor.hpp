#pragma once
// Simulated runs, made in this process.
#include <optional>

#include "exec/executor.hpp"

namespace scalelaw::inline exec {

/// For a backend that simulates. Simulates the runs of a job, in order, one at each poll, and writes their records. The
/// last record comes with the end of the job; a cancelled job ends before its next run. Errors of poll: a spec that
/// cannot be simulated; (environment) a record cannot be written.
[[nodiscard]] std::optional<Executor> simulate_executor(const StudyConfig& config, const StudyOptions& options,
                                                        const Signals& signals);

}  // namespace scalelaw::inline exec
