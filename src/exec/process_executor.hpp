#pragma once
// Processes of this machine (docs/RECORDS.md, "Jobs"): each job is one process of BackendChoice::command that reads
// jobs/<id>/job.json, writes records and prints one JSON line per event. The trainers of scalelaw and commands of
// others are served alike.
#include <optional>

#include "exec/executor.hpp"

namespace scalelaw::inline exec {

/// For a backend that trains. As many processes at once as BackendChoice::workers, each with
/// training.threads_per_worker threads; on CUDA each sees one of the devices, by CUDA_VISIBLE_DEVICES. The job's file
/// must be there when it is submitted. A stop is SIGTERM to each process, a kill SIGKILL; both go to its descendants
/// too, which never outlive it. Processes die with this one, however it ends. A job whose process of an earlier study
/// still lives is not taken.
///
/// What a process prints that is no event goes to the job's log.txt beside its standard error, whose last line is the
/// reason of a failure. Exit code 127, as a shell gives it, means that the program cannot be started.
///
/// Errors of submit (environment): no more processes or files; of poll: the log cannot be written.
[[nodiscard]] std::optional<Executor> process_executor(const StudyConfig& config, const StudyOptions& options,
                                                       const Signals& signals);

}  // namespace scalelaw::inline exec
