#pragma once
// In place of CUDA's own header where a kernel is compiled for the host: the part of CUDA C++ that our kernels use, on
// the emulator. C++17, as the kernels.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "machine.hpp"

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

using dim3 = emulator::Extent3;
struct alignas(16) float4 {
  float x, y, z, w;
};
#define threadIdx (emulator::thread_index())
#define blockIdx (emulator::block_index())

#define SCALELAW_SHARED_ARRAY(type, name, size) \
  static const char name##_key = 0;             \
  type(&name)[size] = *static_cast<type(*)[size]>(emulator::shared_memory(&name##_key, sizeof(type[size])))

// A fence has the line of its caller, so that an error can name it.
#define EMULATOR_LINE int line = __builtin_LINE()
inline void __syncthreads(EMULATOR_LINE) { emulator::block_barrier(line); }
inline void __syncwarp(unsigned mask = ~0U, EMULATOR_LINE) {
  emulator::warp_operation("__syncwarp", line, mask, -1, 0, true);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, EMULATOR_LINE) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t) && std::is_trivially_copyable_v<T>, "what a register pair holds");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const int source = static_cast<int>(emulator::current_lane()) ^ lane_mask;
  bits = emulator::warp_operation("__shfl_xor_sync", line, mask, source, bits, false);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
inline unsigned __ballot_sync(unsigned mask, bool value, EMULATOR_LINE) {
  return emulator::warp_vote(line, mask, value);
}
#undef EMULATOR_LINE
inline int __ffs(int bits) { return __builtin_ffs(bits); }
using std::isfinite;

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9 };
struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};
template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  const std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
  const char* error = emulator::run(config->gridDim, config->blockDim, [&] { std::apply(kernel, values); });
  return error == nullptr ? cudaSuccess : cudaErrorInvalidConfiguration;
}
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : "invalid configuration argument";
}
