#pragma once
// The launchers as a table, so that the same checks run on the kernels, on copies of them with a bug planted, and on a
// device.
#include <memory>
#include <string>
#include <vector>

#include "models/cuda/kernels.hpp"

namespace scalelaw::cuda {

struct Kernels {
  const char* name;
  decltype(&launch_adam) adam;
  decltype(&launch_draw_starts) draw_starts;
  decltype(&launch_gather) gather;
  decltype(&launch_weighted_sum) weighted_sum;
  decltype(&launch_cross_entropy) cross_entropy;
  decltype(&launch_embedding_gradient) embedding_gradient;
};

/// The real ones.
inline constexpr Kernels kKernels{
    "kernels.cu",         &launch_adam,          &launch_draw_starts,       &launch_gather,
    &launch_weighted_sum, &launch_cross_entropy, &launch_embedding_gradient};

/// Memory that kernels can use, and how to move values there and back: the host's own under emulation.
struct Memory {
  std::shared_ptr<void> (*allocate)(std::size_t bytes);
  void (*copy_in)(void* to, const void* from, std::size_t bytes);
  void (*copy_out)(void* to, const void* from, std::size_t bytes);  // waits for the kernels
};
/// Exactly as large as asked for, so that the address sanitizer sees the first byte too far.
extern const Memory kHostMemory;

/// How much work the checks do: the thread sanitizer is slow.
enum class Extent { few_blocks, all };

/// Runs every kernel on shapes that reach its branches and compares with plain loops in double.
/// @return what was wrong, a line each; empty: nothing
[[nodiscard]] std::vector<std::string> wrong_results(const Kernels& kernels, const Memory& memory, Extent extent);

/// Copies of kernels.cu with a bug each, chosen for what this build can see (planted_bugs.cmake).
[[nodiscard]] const std::vector<Kernels>& planted_bugs();

}  // namespace scalelaw::cuda
