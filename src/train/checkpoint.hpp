#pragma once
// The state of a job in one safetensors file, enough to go on to the last bit.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "train/safetensors.hpp"
#include "train/stack.hpp"

namespace scalelaw::inline train {

/// Where a job stands: on the trunk towards branch `branch`, or in it.
struct JobState {
  std::size_t branch = 0;
  Stack trunk;
  std::optional<Stack> cooldown;  ///< set while inside the branch
  std::vector<std::size_t> runs;  ///< of the cooldown's members: indices into Job::runs
  double trained_s = 0;           ///< seconds of training so far, over all sessions
};

/// Tensors "<prefix>.parameters", ".moment1", ".moment2" (F32 [K, P]), ".diverged" (I64 [K]), ".step" and the curve.
void store_stack(TensorFile& file, const std::string& prefix, const StackSetup& setup, const Stack& stack);
/// Fills a stack made for the same members. Errors (data): a tensor missing or of another shape.
void restore_stack(const TensorFile& file, const std::string& prefix, const StackSetup& setup, Stack& stack);

/// Writes atomically; `run_ids` of Job::runs. Errors: environment (disk full ...).
void save_checkpoint(const std::filesystem::path& path, const std::string& job_id,
                     const std::vector<std::string>& run_ids, const StackSetup& setup, const JobState& state);

/// Specs of the stacks a checkpoint at some branch must hold.
struct ExpectedState {
  std::string job_id;
  std::vector<std::vector<RunSpec>> trunk;  ///< members of the trunk by branch
  std::vector<RunSpec> runs;                ///< of the job
  std::vector<std::string> run_ids;
};
/// Errors (data, one line that names the file): unreadable, truncated, of another job, or with other members.
[[nodiscard]] JobState load_checkpoint(const std::filesystem::path& path, const ExpectedState& expected,
                                       const StackSetup& setup);

}  // namespace scalelaw::inline train
