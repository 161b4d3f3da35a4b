#pragma once
// The CUDA half of the models: implemented by torch/backend_cuda.cpp and cuda/kernels.cu in scalelaw-trainer-cuda, by
// backend_no_cuda.cpp in scalelaw-trainer (which refuses to open a device), and on the host by the tests. Chosen when
// linking, so that no caller needs an #if. Work is queued on the current stream; only copies wait for it.
#include <cstddef>
#include <functional>
#include <string>

#include "models/device.hpp"

namespace scalelaw::cuda {

/// Opens the first visible device. Errors (device): as open_device.
[[nodiscard]] std::string open();
/// LibTorch's name of the device whose memory this is, with its number: "cuda:0". Without the number it does not count
/// as the device of the tensors that LibTorch makes itself, and operations on both are refused.
[[nodiscard]] std::string torch_device();
[[nodiscard]] void* allocate(std::size_t bytes);  // zeroed
void release(void* memory);
void copy_in(void* to, const void* from, std::size_t bytes);
void copy_out(void* to, const void* from, std::size_t bytes);

/// See device.hpp.
void adam_step(const AdamState& state, const StepTables& tables, const float* losses);
void draw_starts(const WindowOrder* orders, const StepCounters* counters, std::int64_t members,
                 const StepWindows& windows, std::int64_t* starts);
void gather_windows(const TokenView& tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                    std::int64_t* inputs, std::int64_t* targets);
void weighted_sum(const WeightedSum& call);

/// losses[r] = -log softmax(logits[r])[targets[r]] for each of `rows` rows of `vocab` logits, nats; with gradient_scale
/// not 0 the logits are replaced by gradient_scale * (softmax - one hot of the target).
void cross_entropy(float* logits, const std::int64_t* targets, float* losses, std::int64_t rows, std::int64_t vocab,
                   float gradient_scale);

/// Gradient of a token matrix: row v of member k (at gradient + k * stride + v * width) = the sum of dx[k, i] over the
/// tokens i with ids[k, i] = v, in the order of i; added to what is there if `add`.
struct EmbeddingGradient {
  const std::int64_t* ids = nullptr;  ///< [members, tokens]
  const float* dx = nullptr;          ///< [members, tokens, width]
  float* gradient = nullptr;
  std::int64_t members = 0, tokens = 0, width = 0, vocab = 0, stride = 0;
  bool add = false;
};
void embedding_gradient(const EmbeddingGradient& call);

/// Recorded commands; empty where nothing was recorded.
struct Graph {
  std::shared_ptr<void> handle;
  std::int64_t commands = 0;  ///< kernels, copies and fills in it
};
/// The commands that `work` queues, recorded instead of executed; replay queues them. What they use must outlive the
/// graph and stay where it is. Errors (device): the work does something that cannot be recorded.
[[nodiscard]] Graph capture(const std::function<void()>& work);
void replay(const Graph& graph);

/// Bytes of the device's memory that are taken, by every process together, and that it has.
struct MemoryUse {
  std::int64_t taken = 0, total = 0;
};
[[nodiscard]] MemoryUse memory_use();
/// Gives back what LibTorch keeps of freed memory for later.
void release_unused();

}  // namespace scalelaw::cuda
