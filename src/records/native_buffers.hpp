#pragma once
// What the native engine takes and allocates. models/native/step.cpp allocates by the lists below and study/memory.cpp
// adds them up, so that a new buffer is one line here. They lie in the waist because `study` may not include `models`.
#include <array>
#include <cstdint>

#include "records/records.hpp"

namespace scalelaw::inline records {

/// Largest shape the native engine takes; others train with the torch engine.
constexpr std::int64_t kNativeMaxHead = 64, kNativeMaxContext = 512, kNativeMaxVocab = 65536;

struct NativeLimit {
  const char* what;  ///< the name of the number in ModelSpec
  std::int64_t value, most;
};
constexpr std::array<NativeLimit, 3> native_limits(const ModelSpec& m) {
  return {{{"d_head", m.d_head, kNativeMaxHead},
           {"context", m.context, kNativeMaxContext},
           {"vocab", m.vocab, kNativeMaxVocab}}};
}
/// Whether the native engine takes this shape; native_refusal (models/native/native.hpp) says why not.
constexpr bool native_takes(const ModelSpec& m) {
  for (const NativeLimit& limit : native_limits(m)) {
    if (limit.value > limit.most) return false;
  }
  return true;
}

/// The most tokens of a chunk, unless a single window has more.
constexpr std::int64_t kNativeChunkTokens = 256;

/// An upper bound of the floats between two rows of that width, native::stride (models/native/kernels.hpp), which
/// step.cpp holds it to: rows begin on cache lines of 16 floats, and a multiple of 64 takes one line more.
constexpr std::int64_t widest_native_row(std::int64_t width) {
  const std::int64_t past = width % 64;
  return past > 48 ? width - past + 80 : width + 16;
}

/// How many rows the buffers have, and how far apart these are.
struct NativeRows {
  std::int64_t tokens;                      ///< of a chunk
  std::int64_t positions;                   ///< of a window: the context
  std::int64_t (*row)(std::int64_t width);  ///< floats between two rows
};

/// Floats of the scratch of attention of one head: dS [T, row(T)], K^T or V^T [D, row(T)] and dO / sums [T, row(D)]
/// with T the context and D the width of the head (models/native/attention.hpp).
constexpr std::int64_t native_scratch(std::int64_t context, std::int64_t d_head, const NativeRows& r) {
  return r.positions * r.row(context) + d_head * r.row(context) + r.positions * r.row(d_head);
}

/// What a block has of its own, from the forward pass to the backward pass. Rows are tokens of a chunk.
/// @tparam Matrix a matrix of the parameters, packed for y = x W and for dx = dy W^T; @tparam Buffer floats
template <class Matrix, class Buffer>
struct NativeLayer {
  Matrix qkv, output, up, down;
  Buffer normed1, normed2, scale1, scale2;  // [d_model] normed, and the factor of the norm
  Buffer qkv_rows, qk_scale;                // q | k | v, and the factors of the norms of q and k
  Buffer weights, inverse_sums;             // of attention: [heads, context], [heads]
  Buffer scales, dscales;                   // of its scores, and their gradients; [heads] in all
  Buffer attended;                          // [heads d_head]
  Buffer hidden, slope;                     // [d_ff]: gelu and its derivative
};
/// @param matrix (name in the layout after "layers.I.", rows, columns) -> Matrix; @param buffer (floats) -> Buffer
template <class MakeMatrix, class MakeBuffer>
constexpr auto native_layer(const ModelSpec& m, const NativeRows& r, MakeMatrix&& matrix, MakeBuffer&& buffer) {
  const std::int64_t width = m.n_head * m.d_head;
  return NativeLayer<decltype(matrix("", 0, 0)), decltype(buffer(0))>{
      .qkv = matrix("attention.qkv", m.d_model, 3 * width),
      .output = matrix("attention.output", width, m.d_model),
      .up = matrix("mlp.up", m.d_model, m.d_ff),
      .down = matrix("mlp.down", m.d_ff, m.d_model),
      .normed1 = buffer(r.tokens * r.row(m.d_model)),
      .normed2 = buffer(r.tokens * r.row(m.d_model)),
      .scale1 = buffer(r.tokens),
      .scale2 = buffer(r.tokens),
      .qkv_rows = buffer(r.tokens * r.row(3 * width)),
      .qk_scale = buffer(r.tokens * 2 * m.n_head),
      .weights = buffer(r.tokens * m.n_head * r.row(m.context)),
      .inverse_sums = buffer(r.tokens * m.n_head),
      .scales = buffer(m.n_head),
      .dscales = buffer(m.n_head),
      .attended = buffer(r.tokens * r.row(width)),
      .hidden = buffer(r.tokens * r.row(m.d_ff)),
      .slope = buffer(r.tokens * r.row(m.d_ff)),
  };
}

/// What all blocks share. A gradient has the name of its buffer with a d in front.
template <class Matrix, class Buffer>
struct NativeWork {
  Matrix head;                              // [d_model, vocab]
  Buffer x, normed, scale, logits, losses;  // residual stream, final norm, [vocab], one a token
  Buffer dx, dnormed, dattended, dqkv, dhidden;
  Buffer scratch;   // of attention
  Buffer cos, sin;  // of rotary positions [context, d_head]
};
/// @param matrix, buffer as in native_layer; the name of the head is "head"
template <class MakeMatrix, class MakeBuffer>
constexpr auto native_work(const ModelSpec& m, const NativeRows& r, MakeMatrix&& matrix, MakeBuffer&& buffer) {
  const std::int64_t width = m.n_head * m.d_head;
  return NativeWork<decltype(matrix("", 0, 0)), decltype(buffer(0))>{
      .head = matrix("head", m.d_model, m.vocab),
      .x = buffer(r.tokens * r.row(m.d_model)),
      .normed = buffer(r.tokens * r.row(m.d_model)),
      .scale = buffer(r.tokens),
      .logits = buffer(r.tokens * r.row(m.vocab)),
      .losses = buffer(r.tokens),
      .dx = buffer(r.tokens * r.row(m.d_model)),
      .dnormed = buffer(r.tokens * r.row(m.d_model)),
      .dattended = buffer(r.tokens * r.row(width)),
      .dqkv = buffer(r.tokens * r.row(3 * width)),
      .dhidden = buffer(r.tokens * r.row(m.d_ff)),
      .scratch = buffer(native_scratch(m.context, m.d_head, r)),
      .cos = buffer(r.positions * m.d_head),
      .sin = buffer(r.positions * m.d_head),
  };
}

}  // namespace scalelaw::inline records
