#pragma once
// How fast a job would train here, without training it.
#include "records/job.hpp"
#include "train/stack.hpp"

namespace scalelaw::inline train {

/// Seconds of one optimizer step of all members, measured for so many seconds after a warm-up. Both are one training,
/// since each records a graph of its own; train_stack() calls back when the device has done the steps.
[[nodiscard]] double step_seconds(const StackSetup& setup, Stack& stack, double seconds);

/// Trains the job's members for about half a second after a warm-up, evaluates a little, writes nothing. On a CPU times
/// are those of an otherwise idle machine: of the processor where that was shared with other programs. On CUDA they are
/// of the clock, and end when the device has done the work; steps are replayed from a graph if the job's `graph` is
/// auto and recording works, however few the job has, and recording belongs to the warm-up.
/// @return {"member_step_s": seconds of one optimizer step of one member, "eval_token_s": of one token of one member's
/// evaluation, "busy_s": processor seconds (on CUDA: seconds) that all this took, the rest of the process's being its
/// start and end, "engine": as in a record, on CUDA with how steps were repeated}.
/// Errors: those of run_job.
[[nodiscard]] Json measure_job(const Job& job);

}  // namespace scalelaw::inline train
