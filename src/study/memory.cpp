#include "study/memory.hpp"

#include <algorithm>

#include "records/job.hpp"
#include "records/shape.hpp"

namespace scalelaw {
namespace {

constexpr double kFloat = sizeof(float);
constexpr double kTokenIds = 16;  // bytes of a token and its target, as ids

double wide(std::int64_t n) { return static_cast<double>(n); }

/// What models/native takes; tests/train compares with its own limits.
bool native_takes(const ModelSpec& m) { return m.d_head <= 64 && m.context <= 512 && m.vocab <= 65536; }

/// Packed weights, forward and backward, and the activations of one chunk of windows (models/native/step.cpp).
double native_floats(const ModelSpec& m) {
  constexpr double kChunkTokens = 256, kPadding = 16;
  const double width = wide(m.n_head * m.d_head), c = wide(m.d_model) + kPadding, f = wide(m.d_ff) + kPadding;
  const double context = wide(m.context), heads = wide(m.n_head), tokens = std::max(kChunkTokens, context);
  const double layer = 2 * c + 4 * width + 2 * kPadding + heads * (context + kPadding) + 2 * f + 3 * heads + 2;
  const double weights =
      wide(m.n_layer) * (4 * c * (width + kPadding) + 2 * c * f) + c * (wide(m.vocab) + 2 * kPadding);
  const double rest = 4 * c + 4 * (width + kPadding) + f + wide(m.vocab) + kPadding + 2;
  const double scratch = (context + kPadding) * (context + 4 * wide(m.d_head) + 2 * kPadding);
  return 2 * weights + tokens * (wide(m.n_layer) * layer + rest) + scratch;
}

/// Buffers of the torch engine (models/torch/work.cpp) for one token of one member. @param scores numbers of the
/// attention matrices of a token in one layer; 0 with SDPA
double torch_layer_floats(const ModelSpec& m, double scores) {
  const double width = wide(m.n_head * m.d_head);
  return 2 * wide(m.d_model) + 6 * width + scores + 2 * wide(m.d_ff) + 2 + 2 * wide(m.n_head);
}
double torch_floats(const ModelSpec& m, double scores) {
  const double width = wide(m.n_head * m.d_head);
  return wide(m.n_layer) * torch_layer_floats(m, scores) + 4 * wide(m.d_model) + 14 * width + scores +
         2 * wide(m.d_ff) + wide(m.vocab) + 2 * wide(m.n_head) + 3;
}
/// Of a token, the widest row that a product makes.
double widest(const ModelSpec& m) { return wide(std::max({m.vocab, 3 * m.n_head * m.d_head, m.d_ff})); }

/// Bytes of the torch engines of a trunk and a branch on a CPU. They work in turns, so there is one set of temporaries.
/// For bf16 each keeps its parameters in bf16 too, and products make copies of their factors and results.
double torch_bytes(const RunSpec& spec, double members) {
  constexpr double kCopies = 4;
  const ModelSpec& m = spec.model;
  const bool bf16 = spec.precision == Precision::bf16;
  const double scores = wide(m.n_head * m.context);
  const double temporary = 2 * wide(m.n_head * m.d_head) + scores + (bf16 ? widest(m) : 0);
  return kFloat * members * wide(spec.data.batch_tokens) * (2 * torch_floats(m, scores) + temporary) +
         (bf16 ? kCopies * members * wide(count_params(m).total) : 0);
}

double engine_bytes(const RunSpec& spec, double members, AskedEngine engine) {
  const bool torch = engine == AskedEngine::torch || (engine == AskedEngine::automatic && !native_takes(spec.model));
  return torch ? torch_bytes(spec, members) : 2 * sizeof(float) * native_floats(spec.model);
}

/// The least multiple of `unit` that is not below n.
double rounded_up(std::int64_t n, std::int64_t unit) { return wide((n + unit - 1) / unit * unit); }

/// Floats of a token that the torch engine with SDPA has for a while, beside its buffers.
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
  return torch_layer_floats(m, 0) + 2 * wide(m.d_model) + 4 * wide(m.n_head * m.d_head) + wide(m.vocab) + 2 + p.kept +
         p.cast;
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
  const double training = batch * (2 * torch_floats(m, 0) + 3 * wide(m.n_layer) * p.kept + 2 * (p.backward + p.cast));
  const double evaluated = std::min(std::max(wide(kDeviceEvalTokens), k * context), k * wide(spec.data.eval_tokens));
  return kContext + corpus_bytes +
         kSpare * (stacks +
                   kFloat * (k * training + 2 * flash_floats(m, k * batch / context) + evaluated * eval_floats(m, p)) +
                   kTokenIds * (k * batch + evaluated));
}

}  // namespace scalelaw
