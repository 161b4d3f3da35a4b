#pragma once
// What the jobs of a study cost on a CPU of this machine: memory by formula, time from measured speeds.
#include <map>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "core/records.hpp"

namespace scalelaw {

/// Runs by the member of the stack that makes them (member_id), members by learning rate and seed: the order does not
/// depend on that of the runs.
[[nodiscard]] std::vector<std::vector<RunSpec>> members_of(const std::vector<RunSpec>& runs);

/// Peak resident memory, bytes, of the process that trains a job on a CPU: an upper estimate, within half of the truth
/// on the shapes of tests/train/memory_test.cpp. A member of P parameters takes 80 P bytes: parameters, gradient and
/// two moments of its trunk and of the branch that cools down (32 P), and while a checkpoint is written the parameters
/// and moments of both twice more (48 P). To that come the buffers of two engines (trunk and branch), the token ids of
/// two batches, and the program with LibTorch. The corpus is not counted: it is mapped, shared by all processes, and
/// given up by the system where memory is short.
/// @param runs all of one shape and batch, see Job
/// @param engine as in TrainingConfig. The torch engine's buffers grow with members x batch_tokens, the native engine's
/// hold one chunk of one member; `auto` is what models/engine_choice.hpp makes of it.
[[nodiscard]] double job_bytes(const std::vector<RunSpec>& runs, const std::string& engine);

/// What one training process may take.
struct JobLimit {
  double bytes = 0;             ///< of memory; 0 = no limit
  double flops = 0;             ///< a job of more is split if it can be; 0 = no limit
  std::string engine = "auto";  ///< see job_bytes
};

/// Whether a job fits into the memory.
[[nodiscard]] bool fits(const std::vector<RunSpec>& runs, const JobLimit& limit);

/// The members of these runs in sets of numbers of members that differ by one at most: as few as fit the memory, and as
/// have at least the limit's flops each, if not one member has.
/// Errors (config): not even one member fits.
[[nodiscard]] std::vector<std::vector<RunSpec>> split_to_fit(std::vector<RunSpec> runs, const JobLimit& limit);

/// How fast one CPU worker of this machine trains one kind of job while the others work too.
struct Speed {
  double start_s = 0;        ///< from the start of the process to its first step, and from its last to its end
  double member_step_s = 0;  ///< one optimizer step of one member
  double eval_token_s = 0;   ///< one token of the final evaluation of one member
  std::string engine;        ///< as in a record: "native avx512: the rule on a CPU"
};
template <class Visit, FieldsOf<Speed> T>
void fields(Visit&& visit, T& s) {
  visit("start_s", s.start_s, at_least(0), "seconds from the start of the process to its first step");
  visit("member_step_s", s.member_step_s, positive(), "seconds of one optimizer step of one member");
  visit("eval_token_s", s.eval_token_s, at_least(0), "seconds of one token of the evaluation of one member");
  visit("engine", s.engine, any(), "engine that was measured");
}

/// Speeds known on this machine, by speed_key (speeds.hpp).
using SpeedTable = std::map<std::string, Speed>;

/// Seconds of a job on one worker: start; a step for every step of each member's trunk, its longest constant part, and
/// of each run's cooldown (all its steps where the schedule has no trunk); the evaluation of each run. Checkpoints are
/// not counted.
[[nodiscard]] double job_seconds(const std::vector<RunSpec>& runs, const Speed& speed);

/// Seconds until the last of `workers` is done when each takes the next job as soon as it is free, in this order.
[[nodiscard]] double schedule_seconds(const std::vector<double>& jobs, std::int64_t workers);

}  // namespace scalelaw
