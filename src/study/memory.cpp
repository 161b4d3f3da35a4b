/// The memory of a training process, added up. What engines allocate is taken from the lists that they allocate by
/// (records/native_buffers.hpp, records/torch_buffers.hpp); all else is counted here, and each number says what of.
///
/// Symbols, as in records/torch_buffers.hpp
///   K members of a stack, P parameters of a member, N tokens of a member's batch, or micro-batch
///   L layers, C d_model, H heads, D d_head, F d_ff, T context, V vocab;  W the widest row of a product: `widest`
///
/// A process that trains holds two stacks with an engine each: the trunk's and that of the branch which cools down
/// (JobState of train/checkpoint.hpp). They train in turns.
#include "study/memory.hpp"

#include <algorithm>

#include "records/job.hpp"
#include "records/native_buffers.hpp"
#include "records/shape.hpp"
#include "records/torch_buffers.hpp"

namespace scalelaw::inline study {
namespace {

constexpr double kFloat = sizeof(float), kBf16 = 2;  // bytes of a number
constexpr double kStacks = 2;                        // of a trunk and of a branch, with an engine each

// Bytes of a parameter, of both stacks
//   training     parameters, gradients, moment1, moment2    float [K, P]   Stack of train/stack.hpp
//   checkpoint   parameters, moment1, moment2, each twice   float [K, P]   save_checkpoint of train/checkpoint.cpp:
//                                                                          tensors, and the text of the file
//   sum          gradients of a micro-batch, where a step   float [K, P]   `micro_gradients` of train/stack.hpp
//                has several
//   factors      parameters as products in bf16 take them   bf16 [K, P]    `factors_` of models/torch/engine.cpp
constexpr double kTrainingBytes = kStacks * 4 * kFloat;        // 32
constexpr double kCheckpointBytes = kStacks * 3 * 2 * kFloat;  // 48
constexpr double kSumBytes = kStacks * kFloat;                 // 8
constexpr double kFactorBytes = kStacks * kBf16;               // 4

// Bytes of a token: `inputs` and `targets` of train/stack.cpp, std::int64_t [K, N]
constexpr double kTokenIds = 2 * sizeof(std::int64_t);

double wide(std::int64_t n) { return static_cast<double>(n); }

/// N of a run, and the bytes of a parameter that training takes.
struct AtOnce {
  double tokens, training_bytes;
};
AtOnce at_once(const RunSpec& spec, std::int64_t micro_tokens) {
  const std::int64_t batch = spec.data.batch_tokens, micro = micro_tokens == 0 ? batch : micro_tokens;
  return {.tokens = wide(micro), .training_bytes = kTrainingBytes + (micro < batch ? kSumBytes : 0)};
}

/// Floats of the native engine: every matrix packed both ways, and the activations of one chunk of windows. Not the
/// list's exact sum but a bound of it for every instruction set and chunk.
double native_floats(const ModelSpec& m) {
  constexpr std::int64_t kPadding = 16;  // of either side of a packed matrix, in the mean of its two copies
  // Behind each buffer, up to 79 (64 that kernels may read, and the rest of a cache line: Floats of
  // models/native/step.hpp), as so many times C + 16, twice in a layer and once in what all layers share, and so many a
  // token of a chunk. That the sum holds them all is tested by tests/train/memory_test.cpp, against what a step
  // allocates on every instruction set.
  constexpr double kBehind = 32;
  const NativeRows rows{
      .tokens = std::max(kNativeChunkTokens, m.context), .positions = m.context + kPadding, .row = widest_native_row};
  double sum = 0;
  const auto buffer = [&](std::int64_t floats) {
    sum += wide(floats);
    return floats;
  };
  const auto matrix = [&](const char*, std::int64_t n, std::int64_t cols) {
    sum += 2 * wide(n + kPadding) * wide(cols + kPadding);
    return n * cols;
  };
  (void)native_layer(m, rows, matrix, buffer);
  sum *= wide(m.n_layer);
  (void)native_work(m, rows, matrix, buffer);
  const double behind = kBehind * (wide(m.d_model + kPadding) * (2 * wide(m.n_layer) + 1) + wide(rows.tokens));
  return sum + behind;
}

/// Floats of the torch engine's buffers for one token of one member.
double torch_floats(const ModelSpec& m, bool sdpa, bool backward) {
  double window = 0;
  (void)torch_work(m, /*members=*/1, /*windows=*/1, sdpa, backward, [&](std::initializer_list<std::int64_t> shape) {
    double floats = 1;
    for (const std::int64_t n : shape) floats *= wide(n);
    window += floats;
    return floats;
  });
  return window / wide(m.context);
}
/// W of a token: the widest row that a product makes.
double widest(const ModelSpec& m) { return wide(std::max({m.vocab, 3 * m.n_head * m.d_head, m.d_ff})); }

/// Bytes of the torch engines of a trunk and a branch on a CPU. They work in turns, so there is one set of temporaries,
/// which LibTorch allocates inside its operations, so that no list of buffers can hold them. Floats a token:
///   2 H D   the product dy y in the norm of q and k (`norm_backward` of models/torch/engine.cpp)
///   H T     as much as the weights of attention, for an operation that copies them
///   W       bf16: copies of the factors and the result of one product (models/torch/products.cpp)
double torch_bytes(const RunSpec& spec, double members, double tokens) {
  const ModelSpec& m = spec.model;
  const bool bf16 = spec.precision == Precision::bf16;
  const double scores = wide(m.n_head * m.context);
  const double temporary = 2 * wide(m.n_head * m.d_head) + scores + (bf16 ? widest(m) : 0);
  return kFloat * members * tokens * (kStacks * torch_floats(m, /*sdpa=*/false, /*backward=*/true) + temporary) +
         (bf16 ? kFactorBytes * members * wide(count_params(m).total) : 0);
}

double engine_bytes(const RunSpec& spec, double members, double tokens, AskedEngine engine) {
  const bool torch = engine == AskedEngine::torch || (engine == AskedEngine::automatic && !native_takes(spec.model));
  return torch ? torch_bytes(spec, members, tokens) : kStacks * kFloat * native_floats(spec.model);
}

/// The least multiple of `unit` that is not below n.
double rounded_up(std::int64_t n, std::int64_t unit) { return wide((n + unit - 1) / unit * unit); }

/// Floats of a token that the torch engine with SDPA has for a while, beside its buffers: temporaries of LibTorch
/// again (models/torch/attention.cpp, products.cpp, engine.cpp). A number in bf16 is half a float.
struct Passing {
  /// Of one layer, from forward to backward. fp32: the result [H D] and the softmax's sums [H]. bf16: q, k and v
  /// (`parts`, 3 H D / 2) and the result (H D / 2), which make 2 H D, and the sums.
  double kept = 0;
  /// By one product in bf16, which has a row of W on one side and one of C on the other. Forward: the factor (C / 2),
  /// the result in bf16 and widened (W / 2 + W). Backward: the factor (W / 2), the result (C / 2 + C). At most
  /// 1.5 W + C either way, where C is no wider than 2 W.
  double cast = 0;
  /// By the backward pass: dy y of a norm, of the residual stream (C) or of q and k (2 H D); and by attention's the
  /// gradient of its result and those of q, k and v: 4 H D in fp32, half of it in bf16.
  double backward = 0;
};
Passing passing(const ModelSpec& m, bool bf16) {
  const double width = wide(m.n_head * m.d_head), c = wide(m.d_model);
  return {.kept = (bf16 ? 2 : 1) * width + wide(m.n_head),
          .cast = bf16 ? 1.5 * widest(m) + c : 0,
          .backward = std::max(c, 2 * width) + (bf16 ? 2 : 4) * width};
}

/// Floats for the evaluation of one token.
double eval_floats(const ModelSpec& m, const Passing& p) {
  return torch_floats(m, /*sdpa=*/true, /*backward=*/false) + p.kept + p.cast;
}

/// Floats of flash attention's sums of dq [T, D], padded, of a batch of so many windows. Where their order is fixed
/// there is a set for every window and head, or as many sets of all of them as give each multiprocessor one.
double flash_floats(const ModelSpec& m, double windows) {
  constexpr std::int64_t kRows = 128, kWidth = 32;  // whose multiples T and D are padded to
  constexpr double kMultiprocessors = 160;          // no device has more
  return (windows * wide(m.n_head) + kMultiprocessors) * rounded_up(m.context, kRows) * rounded_up(m.d_head, kWidth);
}

}  // namespace

double host_bytes(const RunSpec& spec, std::int64_t members, AskedEngine engine, std::int64_t micro_tokens) {
  constexpr double kProgram = 300e6;  // with LibTorch: 122 MiB (docs/PERFORMANCE.md); the rest for what is not counted
  constexpr double kBatches = 2;      // of token ids: the trunk's and the branch's, of which one is there at a time
  const AtOnce now = at_once(spec, micro_tokens);
  return kProgram +
         wide(members) * ((now.training_bytes + kCheckpointBytes) * wide(count_params(spec.model).total) +
                          kTokenIds * kBatches * now.tokens) +
         engine_bytes(spec, wide(members), now.tokens, engine);
}

double device_bytes(const RunSpec& spec, std::int64_t members, double corpus_bytes, std::int64_t micro_tokens) {
  constexpr double kContext = 1e9;  // of CUDA, and the workspaces of its libraries
  constexpr double kSpare = 1.1;    // rounding by the allocator
  constexpr double kPools = 2;      // that temporaries lie in: of single steps, and of the graph
  constexpr double kKeptIn = 3;     // these, and the engine that waits: its layers keep q, k and v in bf16
  constexpr double kGradientBytes = kBf16 + kFloat;  // bf16: of one weight, at most [K, C, W], as a product makes it
  const ModelSpec& m = spec.model;
  const bool bf16 = spec.precision == Precision::bf16;
  const AtOnce now = at_once(spec, micro_tokens);
  const double k = wide(members), tokens = now.tokens, context = wide(m.context);
  const Passing p = passing(m, bf16);

  double stacks = now.training_bytes * k * wide(count_params(m).total);
  if (bf16) stacks += kFactorBytes * k * wide(count_params(m).total) + kGradientBytes * k * wide(m.d_model) * widest(m);
  const double training = tokens * (kStacks * torch_floats(m, /*sdpa=*/true, /*backward=*/true) +
                                    kKeptIn * wide(m.n_layer) * p.kept + kPools * (p.backward + p.cast));
  // tokens of all members that one call evaluates (`evaluate` of train/stack.cpp)
  const double evaluated = std::min(std::max(wide(kDeviceEvalTokens), k * context), k * wide(spec.data.eval_tokens));
  return kContext + corpus_bytes +
         kSpare *
             (stacks +
              kFloat * (k * training + kPools * flash_floats(m, k * tokens / context) + evaluated * eval_floats(m, p)) +
              kTokenIds * (k * tokens + evaluated));
}

}  // namespace scalelaw::inline study
