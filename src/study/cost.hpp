#pragma once
// What the jobs of a study cost: memory by formula, and so how they are split; time on a CPU from measured speeds.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "records/asked.hpp"
#include "records/records.hpp"

namespace scalelaw::inline study {

/// Runs by the member of the stack that makes them (member_id), members by learning rate and seed: the order does not
/// depend on that of the runs.
[[nodiscard]] std::vector<std::vector<RunSpec>> members_of(const std::vector<RunSpec>& runs);

/// Where a job is trained, as far as its memory goes.
struct JobPlace {
  AskedEngine engine = AskedEngine::automatic;  ///< as in TrainingConfig; on CUDA it is always torch
  DeviceKind device = DeviceKind::cpu;
  double corpus_bytes = 0;        ///< of all splits; they lie in the memory of a CUDA device
  std::int64_t micro_tokens = 0;  ///< asked for, see micro_batch; 0 = the whole batch
};

/// The largest number of whole windows, in tokens, that divides the run's batch and is not above `tokens` (at least
/// one window); 0 if that is the whole batch, or if `tokens` is 0.
[[nodiscard]] std::int64_t micro_batch(const RunSpec& spec, std::int64_t tokens);

/// Peak memory of a job that trains in the place's micro-batches, bytes: what its process has resident on a CPU, or
/// takes of a CUDA device (memory.hpp).
/// @param runs all of one shape and batch, see Job
[[nodiscard]] double job_bytes(const std::vector<RunSpec>& runs, const JobPlace& place);

/// What one training process may take.
struct JobLimit {
  double bytes = 0;  ///< of memory; 0 = no limit
  double flops = 0;  ///< a job of more is split if it can be; 0 = no limit
  JobPlace place;    ///< without micro_tokens a job of one member may have its micro-batch chosen
};

/// The micro-batch with which a job fits into the memory, 0 for the whole batch: what the limit's place asks for, or if
/// it asks for nothing the whole batch, or for one member the largest that fits. None if there is none.
[[nodiscard]] std::optional<std::int64_t> micro_to_fit(const std::vector<RunSpec>& runs, const JobLimit& limit);

/// Whether there is one.
[[nodiscard]] bool fits(const std::vector<RunSpec>& runs, const JobLimit& limit);

/// The members of these runs in sets of numbers of members that differ by one at most: as few as fit the memory, and as
/// have at least the limit's flops each, if not one member has.
/// Errors (config): not even one member fits, in whatever micro-batches.
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

}  // namespace scalelaw::inline study
