#include "core/error.hpp"
#include "models/cuda_backend.hpp"

namespace scalelaw::cuda {
namespace {

[[noreturn]] void refuse() {
  fail_device("this trainer was built without CUDA; use scalelaw-trainer-cuda, or train with --device cpu");
}

}  // namespace

std::string open() { refuse(); }
void* allocate(std::size_t) { refuse(); }
void release(void*) {}
void copy_in(void*, const void*, std::size_t) { refuse(); }
void copy_out(void*, const void*, std::size_t) { refuse(); }
void adam_step(const AdamState&, const AdamScalars*, std::int64_t, const float*, float*) { refuse(); }
void gather_windows(const std::uint8_t*, const std::int64_t*, std::int64_t, std::int64_t, std::int64_t*,
                    std::int64_t*) {
  refuse();
}

}  // namespace scalelaw::cuda
