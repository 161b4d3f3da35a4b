#include "models/cuda_backend.hpp"
#include "os/error.hpp"

namespace scalelaw::cuda {
namespace {

[[noreturn]] void refuse() {
  fail_device("this trainer was built without CUDA; use scalelaw-trainer-cuda, or train with --device cpu");
}

}  // namespace

std::string open() { refuse(); }
std::string torch_device() { refuse(); }
void* allocate(std::size_t) { refuse(); }
void release(void*) {}
void copy_in(void*, const void*, std::size_t) { refuse(); }
void copy_out(void*, const void*, std::size_t) { refuse(); }
void adam_step(const AdamState&, const StepTables&, const float*) { refuse(); }
void draw_starts(const WindowOrder*, const StepCounters*, std::int64_t, const StepWindows&, std::int64_t*) { refuse(); }
void gather_windows(const TokenView&, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t*, std::int64_t*) {
  refuse();
}
void weighted_sum(const WeightedSum&) { refuse(); }
void cross_entropy(float*, const std::int64_t*, float*, std::int64_t, std::int64_t, float) { refuse(); }
void embedding_gradient(const EmbeddingGradient&) { refuse(); }
Graph capture(const std::function<void()>&) { refuse(); }
void replay(const Graph&) { refuse(); }
MemoryUse memory_use() { refuse(); }
void release_unused() {}

}  // namespace scalelaw::cuda
