#include "study/memory.hpp"

#include <algorithm>

#include "records/job.hpp"
#include "records/native_buffers.hpp"
#include "records/shape.hpp"
#include "records/torch_buffers.hpp"

namespace scalelaw::inline study {
namespace {

constexpr double kFloat = sizeof(float);
constexpr double kTokenIds = 16;  // bytes of a token and its target, as ids

double wide(std::int64_t n) { return static_cast<double>(n); }

/// Floats of the native engine: every matrix packed both ways, and the activations of one chunk of windows. Not the
/// list's exact sum but a bound of it for every instruction set and chunk.
double native_floats(const ModelSpec& m) {
  constexpr std::int64_t kPadding = 16;  // of either side of a packed matrix, in the mean of its two copies
  constexpr double kBehind = 32;         // times width and times tokens: see below
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
  // Behind each buffer lie floats that kernels may read, and the rest of a cache line (Floats of
  // models/native/step.hpp): up to 79, of 19 buffers in a layer and 15 others. This is more, from a d_model of 8 on.
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
/// Of a token, the widest row that a product makes.
double widest(const ModelSpec& m) { return wide(std::max({m.vocab, 3 * m.n_head * m.d_head, m.d_ff})); }

/// Bytes of the torch engines of a trunk and a branch on a CPU. They work in turns, so there is one set of temporaries.
/// For bf16 each keeps its parameters in bf16 too, and products make copies of their factors and results: temporaries,
/// which LibTorch allocates inside its operations, so that no list of buffers can hold them.
double torch_bytes(const RunSpec& spec, double members) {
  constexpr double kCopies = 4;
  const ModelSpec& m = spec.model;
  const bool bf16 = spec.precision == Precision::bf16;
  const double scores = wide(m.n_head * m.context);
  const double temporary = 2 * wide(m.n_head * m.d_head) + scores + (bf16 ? widest(m) : 0);
  return kFloat * members * wide(spec.data.batch_tokens) *
             (2 * torch_floats(m, /*sdpa=*/false, /*backward=*/true) + temporary) +
         (bf16 ? kCopies * members * wide(count_params(m).total) : 0);
}

double engine_bytes(const RunSpec& spec, double members, AskedEngine engine) {
  const bool torch = engine == AskedEngine::torch || (engine == AskedEngine::automatic && !native_takes(spec.model));
  return torch ? torch_bytes(spec, members) : 2 * sizeof(float) * native_floats(spec.model);
}

/// The least multiple of `unit` that is not below n.
double rounded_up(std::int64_t n, std::int64_t unit) { return wide((n + unit - 1) / unit * unit); }

/// Floats of a token that the torch engine with SDPA has for a while, beside its buffers: temporaries of LibTorch
/// again.
struct Passing {
  double kept = 0;      ///< of one layer, from forward to backward: the result and, in bf16, q, k and v
  double cast = 0;      ///< by one product in bf16
  double backward = 0;  ///< by the backward pass of attention and norms
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

/// Floats of flash attention's sums of dq, padded, of a batch of so many windows. Where their order is fixed there is a
/// set for every window and head, or as many sets of all of them as give each multiprocessor one.
double flash_floats(const ModelSpec& m, double windows) {
  constexpr std::int64_t kRows = 128, kWidth = 32;
  constexpr double kMultiprocessors = 160;  // no device has more
  return (windows * wide(m.n_head) + kMultiprocessors) * rounded_up(m.context, kRows) * rounded_up(m.d_head, kWidth);
}

}  // namespace

double host_bytes(const RunSpec& spec, std::int64_t members, AskedEngine engine) {
  constexpr double kProgram = 300e6, kMember = 80;
  return kProgram +
         wide(members) *
             (kMember * wide(count_params(spec.model).total) + kTokenIds * 2 * wide(spec.data.batch_tokens)) +
         engine_bytes(spec, wide(members), engine);
}

double device_bytes(const RunSpec& spec, std::int64_t members, double corpus_bytes) {
  constexpr double kContext = 1e9, kSpare = 1.1, kMember = 32;
  const ModelSpec& m = spec.model;
  const bool bf16 = spec.precision == Precision::bf16;
  const double k = wide(members), batch = wide(spec.data.batch_tokens), context = wide(m.context);
  const Passing p = passing(m, bf16);

  double stacks = kMember * k * wide(count_params(m).total);
  if (bf16) stacks += 4 * k * wide(count_params(m).total) + 6 * k * wide(m.d_model) * widest(m);
  const double training = batch * (2 * torch_floats(m, /*sdpa=*/true, /*backward=*/true) +
                                   3 * wide(m.n_layer) * p.kept + 2 * (p.backward + p.cast));
  const double evaluated = std::min(std::max(wide(kDeviceEvalTokens), k * context), k * wide(spec.data.eval_tokens));
  return kContext + corpus_bytes +
         kSpare * (stacks +
                   kFloat * (k * training + 2 * flash_floats(m, k * batch / context) + evaluated * eval_floats(m, p)) +
                   kTokenIds * (k * batch + evaluated));
}

}  // namespace scalelaw::inline study
