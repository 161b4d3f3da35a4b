// CUDA kernels of the step that are not the model. Members are the y dimension of every grid, so nothing a member holds
// can reach another. Sums run in a fixed order (no atomics): the same input gives the same bits.
#include <cuda_runtime.h>

#include "models/cuda/kernels.hpp"

namespace scalelaw::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;

/// Sum over the block, the same in every thread.
__device__ double block_sum(double x) {
  __shared__ double part[kThreads / kWarp];
  for (int offset = kWarp / 2; offset > 0; offset >>= 1) x += __shfl_xor_sync(0xffffffffU, x, offset);
  __syncthreads();  // an earlier call may still be reading part
  if (threadIdx.x % kWarp == 0) part[threadIdx.x / kWarp] = x;
  __syncthreads();
  double sum = 0;
  for (int warp = 0; warp < kThreads / kWarp; ++warp) sum += part[warp];
  return sum;
}

__global__ void __launch_bounds__(kThreads)
    square_sums(const float* __restrict__ gradients, std::int64_t params, double* __restrict__ partial) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * params;
  double sum = 0;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < params;
       i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    const double g = static_cast<double>(gradients[row + i]);
    sum += g * g;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial[blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

/// One thread per member: gradient norm, and whether the member has diverged.
__global__ void judge(const double* __restrict__ partial, const float* __restrict__ losses, std::int64_t members,
                      std::int64_t step, float* __restrict__ norms, std::int64_t* __restrict__ diverged) {
  const std::int64_t k = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= members) return;
  double sum = 0;
  for (int i = 0; i < kNormBlocks; ++i) sum += partial[k * kNormBlocks + i];
  const float norm = static_cast<float>(sqrt(sum));
  norms[k] = norm;
  if (diverged[k] == 0 && !(isfinite(norm) && isfinite(losses[k]))) diverged[k] = step;
}

__global__ void __launch_bounds__(kThreads)
    update(AdamState state, const AdamScalars* __restrict__ scalars, const float* __restrict__ norms) {
  const std::int64_t k = blockIdx.y;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= state.params || state.diverged[k] != 0) return;
  const AdamSettings s = state.settings[k];
  const AdamScalars now = scalars[k];
  const float scale = s.clip > 0.0F && norms[k] > s.clip ? s.clip / norms[k] : 1.0F;
  const float decay = i < state.decayed ? s.weight_decay : 0.0F;
  const std::int64_t at = k * state.params + i;
  const float g = state.gradients[at] * scale;
  const float m = s.beta1 * state.moment1[at] + (1.0F - s.beta1) * g;
  const float v = s.beta2 * state.moment2[at] + (1.0F - s.beta2) * g * g;
  const float p = state.parameters[at];
  state.moment1[at] = m;
  state.moment2[at] = v;
  state.parameters[at] = p - now.lr * (decay * p + now.correction1 * m / (sqrtf(now.correction2 * v) + s.eps));
}

__global__ void __launch_bounds__(kThreads)
    gather(const std::uint8_t* __restrict__ tokens, const std::int64_t* __restrict__ starts, std::int64_t windows,
           std::int64_t context, std::int64_t* __restrict__ inputs, std::int64_t* __restrict__ targets) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= windows * context) return;
  const std::int64_t at = starts[i / context] + i % context;
  inputs[i] = tokens[at];
  targets[i] = tokens[at + 1];
}

unsigned blocks_for(std::int64_t n) { return static_cast<unsigned>((n + kThreads - 1) / kThreads); }

}  // namespace

void launch_adam(const AdamState& state, const AdamScalars* scalars, std::int64_t step, const float* losses,
                 float* norms, double* partial, Stream stream) {
  const auto queue = static_cast<cudaStream_t>(stream);
  const auto members = static_cast<unsigned>(state.members);
  square_sums<<<dim3(kNormBlocks, members), kThreads, 0, queue>>>(state.gradients, state.params, partial);
  judge<<<blocks_for(state.members), kThreads, 0, queue>>>(partial, losses, state.members, step, norms, state.diverged);
  update<<<dim3(blocks_for(state.params), members), kThreads, 0, queue>>>(state, scalars, norms);
}

void launch_gather(const std::uint8_t* tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                   std::int64_t* inputs, std::int64_t* targets, Stream stream) {
  gather<<<blocks_for(windows * context), kThreads, 0, static_cast<cudaStream_t>(stream)>>>(tokens, starts, windows,
                                                                                            context, inputs, targets);
}

const char* last_error() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace scalelaw::cuda
