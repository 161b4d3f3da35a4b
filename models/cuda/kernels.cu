// CUDA kernels of a training step: everything that LibTorch would do in many launches, or with a wait for the host.
// The members of a stack are a dimension of the grid, so nothing a member holds can reach another. Sums run in a fixed
// order (no atomics): the same input gives the same bits. C++17, without LibTorch; the tests compile this very file for
// the host.
#include <cuda_runtime.h>

#include "models/cuda/kernels.hpp"

// Shared memory of a block; the tests put it where they can watch it.
#ifndef SCALELAW_SHARED_ARRAY
#define SCALELAW_SHARED_ARRAY(type, name, size) __shared__ type name[size]
#endif

namespace scalelaw::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;
constexpr unsigned kAllLanes = 0xffffffffU;
constexpr int kNormParts = 32;                           // most blocks that share the norm of a member
constexpr int kLr = kNormParts, kCorrection1 = kLr + 1;  // then what a member's update needs, in the same scratch row
constexpr int kCorrection2 = kLr + 2, kClipScale = kLr + 3;
static_assert(kClipScale + 1 == kStepScratch, "the scratch row holds exactly this");

struct Add {
  template <class T>
  __device__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Larger {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

template <class T, class Op>
__device__ T warp_reduce(T x, Op op) {
  for (int offset = kWarp / 2; offset > 0; offset >>= 1) x = op(x, __shfl_xor_sync(kAllLanes, x, offset));
  return x;
}

/// op over the threads of the block, the same result in each. `part` is shared memory.
template <class T, class Op>
__device__ T block_reduce(T x, T (&part)[kWarps], Op op) {
  x = warp_reduce(x, op);
  __syncthreads();  // an earlier call may still be reading part
  if (threadIdx.x % kWarp == 0) part[threadIdx.x / kWarp] = x;
  __syncthreads();
  T result = part[0];
  for (int warp = 1; warp < kWarps; ++warp) result = op(result, part[warp]);
  return result;
}

__device__ std::int64_t thread_index() { return static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; }

constexpr std::int64_t blocks_of(std::int64_t n, std::int64_t each = kThreads) { return (n + each - 1) / each; }
/// Blocks that share the norm of a member.
constexpr int norm_parts(std::int64_t params) {
  return static_cast<int>(blocks_of(params) < kNormParts ? blocks_of(params) : kNormParts);
}

// ---- AdamW ----------------------------------------------------------------------------------------------------------

/// Grid (norm_parts, K): the square sum of a share of a member's gradient, in double.
__global__ void __launch_bounds__(kThreads) square_sums(AdamState state, double* __restrict__ scratch) {
  SCALELAW_SHARED_ARRAY(double, part, kWarps);
  const float* gradients = state.gradients + static_cast<std::int64_t>(blockIdx.y) * state.params;
  double sum = 0;
  for (std::int64_t i = thread_index(); i < state.params;
       i += static_cast<std::int64_t>(norm_parts(state.params)) * kThreads) {
    const double g = static_cast<double>(gradients[i]);
    sum += g * g;
  }
  sum = block_reduce(sum, part, Add{});
  if (threadIdx.x == 0) scratch[blockIdx.y * kStepScratch + blockIdx.x] = sum;
}

/// Grid (K): a member's norm, whether it has diverged, its rates, and its metrics.
__global__ void __launch_bounds__(kThreads)
    judge(AdamState state, StepTables tables, const float* __restrict__ losses) {
  SCALELAW_SHARED_ARRAY(double, part, kWarps);
  const std::int64_t k = blockIdx.x;
  double* scratch = tables.scratch + k * kStepScratch;
  const int i = static_cast<int>(threadIdx.x);
  const double sum = block_reduce(i < norm_parts(state.params) ? scratch[i] : 0.0, part, Add{});
  if (i != 0) return;
  const StepCounters at = *tables.counters;
  const float norm = static_cast<float>(sqrt(sum)), loss = losses[k], clip = state.settings[k].clip;
  if (state.diverged[k] == 0 && !(isfinite(norm) && isfinite(loss))) state.diverged[k] = at.step + 1;
  const std::int64_t row = at.slot * state.members + k;
  tables.norms[row] = norm;
  tables.losses[row] = loss;
  scratch[kLr] = static_cast<double>(tables.scalars[row].lr);
  scratch[kCorrection1] = static_cast<double>(tables.scalars[row].correction1);
  scratch[kCorrection2] = static_cast<double>(tables.scalars[row].correction2);
  scratch[kClipScale] = static_cast<double>(clip > 0.0F && norm > clip ? clip / norm : 1.0F);
}

struct Rates {
  float lr, correction1, correction2, scale;
};

__device__ void update_one(const AdamSettings& s, const Rates& now, float decay, float gradient, float& p, float& m,
                           float& v) {
  const float g = gradient * now.scale;
  m = s.beta1 * m + (1.0F - s.beta1) * g;
  v = s.beta2 * v + (1.0F - s.beta2) * g * g;
  p -= now.lr * (decay * p + now.correction1 * m / (sqrtf(now.correction2 * v) + s.eps));
}

/// The group of parameter i: the last that does not begin after it.
__device__ AdamGroup group_of(const AdamState& state, std::int64_t i) {
  std::int64_t first = 0, end = state.group_count;
  while (end - first > 1) {
    const std::int64_t middle = (first + end) / 2;
    (state.groups[middle].begin <= i ? first : end) = middle;
  }
  return state.groups[first];
}

/// Grid (blocks, K). Wide: four parameters a thread, where every row and every group starts at a multiple of 16 bytes.
/// Moves the counters on, which no other thread of this launch reads.
template <bool Wide>
__global__ void __launch_bounds__(kThreads) update(AdamState state, StepTables tables) {
  constexpr std::int64_t kEach = Wide ? 4 : 1;
  if (blockIdx.x == 0 && blockIdx.y == 0 && threadIdx.x == 0) {
    ++tables.counters->step;
    ++tables.counters->slot;
  }
  const std::int64_t k = blockIdx.y, i = thread_index() * kEach;
  if (i >= state.params || state.diverged[k] != 0) return;
  const AdamGroup group = group_of(state, i);
  AdamSettings s = state.settings[k];
  s.eps *= group.eps;
  const double* scratch = tables.scratch + k * kStepScratch;
  const Rates now{static_cast<float>(scratch[kLr]), group.rate * static_cast<float>(scratch[kCorrection1]),
                  static_cast<float>(scratch[kCorrection2]), static_cast<float>(scratch[kClipScale])};
  const float decay = group.decay * s.weight_decay;
  const std::int64_t at = k * state.params + i;
  if constexpr (Wide) {
    float4& p4 = *reinterpret_cast<float4*>(state.parameters + at);
    float4& m4 = *reinterpret_cast<float4*>(state.moment1 + at);
    float4& v4 = *reinterpret_cast<float4*>(state.moment2 + at);
    const float4 g = *reinterpret_cast<const float4*>(state.gradients + at);
    float4 p = p4, m = m4, v = v4;
    update_one(s, now, decay, g.x, p.x, m.x, v.x);
    update_one(s, now, decay, g.y, p.y, m.y, v.y);
    update_one(s, now, decay, g.z, p.z, m.z, v.z);
    update_one(s, now, decay, g.w, p.w, m.w, v.w);
    p4 = p;
    m4 = m;
    v4 = v;
  } else {
    update_one(s, now, decay, state.gradients[at], state.parameters[at], state.moment1[at], state.moment2[at]);
  }
}

// ---- micro-batches --------------------------------------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads) add_weighted(WeightedSum call) {
  const std::int64_t i = thread_index();
  if (i >= call.count) return;
  const float x = call.weight * call.values[i];
  call.sum[i] = call.add ? call.sum[i] + x : x;
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

__global__ void __launch_bounds__(kThreads)
    draw(const WindowOrder* __restrict__ orders, const StepCounters* __restrict__ counters, std::int64_t members,
         StepWindows windows, std::int64_t* __restrict__ starts) {
  const std::int64_t i = thread_index();
  if (i >= members * windows.count) return;
  starts[i] = orders[i / windows.count].start(counters->step * windows.all + windows.first + i % windows.count);
}

template <class Token>
__global__ void __launch_bounds__(kThreads)
    gather(const Token* __restrict__ tokens, const std::int64_t* __restrict__ starts, std::int64_t windows,
           std::int64_t context, std::int64_t* __restrict__ inputs, std::int64_t* __restrict__ targets) {
  const std::int64_t i = thread_index();
  if (i >= windows * context) return;
  const std::int64_t at = starts[i / context] + i % context;
  inputs[i] = tokens[at];
  targets[i] = tokens[at + 1];
}

/// Grid (vocab, K, widths of kThreads): a block looks for its token among those of its member, kThreads at a time, and
/// each of its threads sums one column of dx. Exact repeatability where atomics would add in any order.
__global__ void __launch_bounds__(kThreads) sum_rows_of_token(EmbeddingGradient call) {
  SCALELAW_SHARED_ARRAY(unsigned, found, kWarps);  // a bit for each of the kThreads tokens
  const std::int64_t member = blockIdx.y, token = blockIdx.x;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.z) * kThreads + threadIdx.x;
  const std::int64_t* ids = call.ids + member * call.tokens;
  const float* dx = call.dx + member * call.tokens * call.width;
  float sum = 0;
  for (std::int64_t first = 0; first < call.tokens; first += kThreads) {
    const std::int64_t i = first + threadIdx.x;
    const unsigned bits = __ballot_sync(kAllLanes, i < call.tokens && ids[i] == token);
    if (threadIdx.x % kWarp == 0) found[threadIdx.x / kWarp] = bits;
    __syncthreads();
    if (column < call.width) {
      for (int warp = 0; warp < kWarps; ++warp) {
        for (unsigned rest = found[warp]; rest != 0; rest &= rest - 1) {
          sum += dx[(first + warp * kWarp + __ffs(static_cast<int>(rest)) - 1) * call.width + column];
        }
      }
    }
    __syncthreads();  // before found is written again
  }
  if (column >= call.width) return;
  float& to = call.gradient[member * call.stride + token * call.width + column];
  to = call.add ? to + sum : sum;
}

// ---- cross-entropy --------------------------------------------------------------------------------------------------

/// RowThreads threads a row: a warp for small vocabularies, a block for large ones. Each thread rewrites the logits
/// that it alone has read, but for the target's, which all have read before the last barrier.
template <int RowThreads>
__global__ void __launch_bounds__(kThreads)
    softmax_loss(float* __restrict__ logits, const std::int64_t* __restrict__ targets, float* __restrict__ losses,
                 std::int64_t rows, std::int64_t vocab, float gradient_scale) {
  static_assert(RowThreads == kWarp || RowThreads == kThreads, "a warp or a block");
  SCALELAW_SHARED_ARRAY(float, part, kWarps);
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * (kThreads / RowThreads) + threadIdx.x / RowThreads;
  if (row >= rows) return;  // a whole warp, or no thread of the block
  float* x = logits + row * vocab;
  const int first = static_cast<int>(threadIdx.x) % RowThreads;
  const std::int64_t target = targets[row];
  const float wanted = x[target];
  float largest = -INFINITY;
  for (std::int64_t j = first; j < vocab; j += RowThreads) largest = fmaxf(largest, x[j]);
  if constexpr (RowThreads == kWarp) {
    largest = warp_reduce(largest, Larger{});
  } else {
    largest = block_reduce(largest, part, Larger{});
  }
  float sum = 0;
  for (std::int64_t j = first; j < vocab; j += RowThreads) sum += expf(x[j] - largest);
  if constexpr (RowThreads == kWarp) {
    sum = warp_reduce(sum, Add{});
    __syncwarp();
  } else {
    sum = block_reduce(sum, part, Add{});
  }
  if (first == 0) losses[row] = logf(sum) + (largest - wanted);
  if (gradient_scale == 0.0F) return;
  const float scale = gradient_scale / sum;
  for (std::int64_t j = first; j < vocab; j += RowThreads) {
    x[j] = expf(x[j] - largest) * scale - (j == target ? gradient_scale : 0.0F);
  }
}

// ---- launching ------------------------------------------------------------------------------------------------------

dim3 grid_of(std::int64_t x, std::int64_t y = 1, std::int64_t z = 1) {
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z));
}

template <class... Parameters, class... Arguments>
const char* launch(Stream stream, dim3 grid, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = dim3(kThreads);
  config.stream = static_cast<cudaStream_t>(stream);
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, arguments...);
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

template <class Token>
const char* launch_gather_from(const Token* tokens, const std::int64_t* starts, std::int64_t windows,
                               std::int64_t context, std::int64_t* inputs, std::int64_t* targets, Stream stream) {
  return launch(stream, grid_of(blocks_of(windows * context)), gather<Token>, tokens, starts, windows, context, inputs,
                targets);
}

}  // namespace

const char* launch_adam(const AdamState& state, const StepTables& tables, const float* losses, Stream stream) {
  const std::int64_t members = state.members;
  if (const char* error =
          launch(stream, grid_of(norm_parts(state.params), members), square_sums, state, tables.scratch))
    return error;
  if (const char* error = launch(stream, grid_of(members), judge, state, tables, losses)) return error;
  if (state.params % 4 == 0 && state.fours) {
    return launch(stream, grid_of(blocks_of(state.params / 4), members), update<true>, state, tables);
  }
  return launch(stream, grid_of(blocks_of(state.params), members), update<false>, state, tables);
}

const char* launch_draw_starts(const WindowOrder* orders, const StepCounters* counters, std::int64_t members,
                               const StepWindows& windows, std::int64_t* starts, Stream stream) {
  return launch(stream, grid_of(blocks_of(members * windows.count)), draw, orders, counters, members, windows, starts);
}

const char* launch_gather(const TokenView& tokens, const std::int64_t* starts, std::int64_t windows,
                          std::int64_t context, std::int64_t* inputs, std::int64_t* targets, Stream stream) {
  return with_tokens(tokens, [&](const auto* first) {
    return launch_gather_from(first, starts, windows, context, inputs, targets, stream);
  });
}

const char* launch_weighted_sum(const WeightedSum& call, Stream stream) {
  return launch(stream, grid_of(blocks_of(call.count)), add_weighted, call);
}

const char* launch_cross_entropy(float* logits, const std::int64_t* targets, float* losses, std::int64_t rows,
                                 std::int64_t vocab, float gradient_scale, Stream stream) {
  constexpr std::int64_t kWarpRow = 1024;  // up to here a warp has at most 32 logits a lane
  if (vocab <= kWarpRow) {
    return launch(stream, grid_of(blocks_of(rows, kWarps)), softmax_loss<kWarp>, logits, targets, losses, rows, vocab,
                  gradient_scale);
  }
  return launch(stream, grid_of(blocks_of(rows, 1)), softmax_loss<kThreads>, logits, targets, losses, rows, vocab,
                gradient_scale);
}

const char* launch_embedding_gradient(const EmbeddingGradient& call, Stream stream) {
  return launch(stream, grid_of(call.vocab, call.members, blocks_of(call.width)), sum_rows_of_token, call);
}

}  // namespace scalelaw::cuda
