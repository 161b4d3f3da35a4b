// In place of torch/backend_cuda.cpp, so that everything above it runs on the host as it would on a device: the same
// kernels, counters, tables and graphs. A "graph" is the work itself, done again at every replay.
#include "cuda/backend_emulated.hpp"

#include <malloc.h>

#include <cstdlib>
#include <cstring>

#include "models/cuda/kernels.hpp"
#include "models/cuda_backend.hpp"
#include "os/error.hpp"

namespace scalelaw::cuda {
namespace emulated {

Settings& settings() {
  static Settings one;
  return one;
}
Memory& memory() {
  static Memory one;
  return one;
}

}  // namespace emulated

namespace {

template <class Launch>
void launch(const Launch& run) {
  ++emulated::settings().launches;
  if (emulated::settings().torch_device == "meta") return;
  const char* error = run();
  if (error != nullptr) fail_device("emulated CUDA: {}", error);
}

}  // namespace

std::string open() { return "cuda:0 emulated on the host"; }
std::string torch_device() { return emulated::settings().torch_device; }
void* allocate(std::size_t bytes) {
  void* memory = std::calloc(bytes + 1, 1);
  emulated::memory().add(static_cast<std::int64_t>(::malloc_usable_size(memory)));
  return memory;
}
void release(void* memory) {
  emulated::memory().add(-static_cast<std::int64_t>(::malloc_usable_size(memory)));
  std::free(memory);
}
void copy_in(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }
void copy_out(void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

void adam_step(const AdamState& state, const StepTables& tables, const float* losses) {
  launch([&] { return launch_adam(state, tables, losses, nullptr); });
}
void draw_starts(const WindowOrder* orders, const StepCounters* counters, std::int64_t members,
                 const StepWindows& windows, std::int64_t* starts) {
  launch([&] { return launch_draw_starts(orders, counters, members, windows, starts, nullptr); });
}
void gather_windows(const TokenView& tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                    std::int64_t* inputs, std::int64_t* targets) {
  launch([&] { return launch_gather(tokens, starts, windows, context, inputs, targets, nullptr); });
}
void weighted_sum(const WeightedSum& call) {
  launch([&] { return launch_weighted_sum(call, nullptr); });
}
void cross_entropy(float* logits, const std::int64_t* targets, float* losses, std::int64_t rows, std::int64_t vocab,
                   float gradient_scale) {
  launch([&] { return launch_cross_entropy(logits, targets, losses, rows, vocab, gradient_scale, nullptr); });
}
void embedding_gradient(const EmbeddingGradient& call) {
  launch([&] { return launch_embedding_gradient(call, nullptr); });
}

Graph capture(const std::function<void()>& work) {
  ++emulated::settings().captures;
  if (!emulated::settings().capture_error.empty()) {
    fail_device("recording a graph failed: {}", emulated::settings().capture_error);
  }
  return {.handle = std::make_shared<std::function<void()>>(work), .commands = emulated::kGraphCommands};
}
void replay(const Graph& graph) {
  ++emulated::settings().replays;
  (*static_cast<std::function<void()>*>(graph.handle.get()))();
}
MemoryUse memory_use() { return {.taken = emulated::memory().now, .total = 0}; }
void release_unused() {}

}  // namespace scalelaw::cuda
