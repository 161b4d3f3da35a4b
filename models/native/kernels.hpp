#pragma once
// The vector kernels of the native step. kernels.cpp is compiled once per instruction set; a table of function pointers
// is one such copy. Matrices are stored by rows; `ld` is the distance of two rows in floats. Rows of activations are
// padded to `stride(width)` floats and kernels work on whole vectors of them: what lies in the padding is never part of
// a result.
#include <cstdint>
#include <span>
#include <string>

namespace scalelaw::native {

using Index = std::int64_t;

/// Floats between two rows of a buffer of this width: whole cache lines, and never a multiple of 256 bytes, which would
/// put a column of a matrix into few sets of the L1 cache.
constexpr Index stride(Index width) {
  const Index padded = (width + 15) / 16 * 16;
  return padded % 64 == 0 ? padded + 16 : padded;
}
/// Floats that kernels may read beyond the last row of a left or right operand (and ignore).
constexpr Index kSlack = 64;

/// Left operand of a product: element (m, k) is data[m * row + k * column], so a transpose is a change of strides.
struct Left {
  const float* data;
  Index row, column;
};
/// Right operand, by plain_right or packed_right: element (k, n) of one that is not packed in a format of the kernels'
/// own is data[n / panel_width * panel + k * row + n % panel_width].
struct Right {
  const float* data;
  Index row, panel;
  bool packed = false;
};

/// Shapes of causal attention. Rows of q, k and v: [sequences * context, width] with heads side by side.
struct AttentionShape {
  Index sequences, context, heads, d_head;
  const float* scales;  ///< [heads], of the scores; q and k have length sqrt(d_head), so |score| <= |scale| d_head
};
struct AttentionForward {
  const float* qkv;  ///< after rotate_qk: [tokens, ld_qkv], columns q | k | v
  Index ld_qkv;
  float* out;  ///< [tokens, ld_out]
  Index ld_out;
  float* weights;       ///< out: exp(score - shift of the row) [sequences, heads, context, stride(context)]
  float* inverse_sums;  ///< out: 1 / their sums [sequences, heads, context]
  float* scratch;       ///< attention_scratch (step.hpp) floats
};
struct AttentionBackward {
  const float* qkv;
  Index ld_qkv;
  const float* out;  ///< of the forward pass
  Index ld_out;
  const float* weights;
  const float* inverse_sums;
  const float* dout;  ///< [tokens, ld_dout]
  Index ld_dout;
  float* dqkv;  ///< out: gradients of the rotated q and k over the head's scale, and of v [tokens, ld_qkv]
  float* scratch;
};

struct Kernels {
  const char* name;     ///< "amx" | "avx512" | "avx2" | "baseline"
  bool bf16;            ///< factors of products in bf16, else fp32; sums and everything else are in fp32
  Index lanes;          ///< floats in a vector
  Index panel_width;    ///< columns of a panel of the right operand: two vectors
  Index depth_unit;     ///< a panel is filled up with zeros to a multiple of this depth
  Index element_bytes;  ///< of a packed operand

  /// Around any number of calls of the others, on the same thread.
  void (*begin)();
  void (*end)();
  /// Copies w [rows, cols] (ld = cols) into panels of w, or of its transpose. `packed_size` floats.
  void (*pack)(const float* w, Index rows, Index cols, float* packed);
  void (*pack_transposed)(const float* w, Index rows, Index cols, float* packed);
  /// c [m, n] = a [m, k] b [k, n], or c += a b. One stride of a is 1. Writes nothing but c; may read kSlack floats
  /// beyond a and b.
  void (*product)(Index m, Index n, Index k, const Left& a, const Right& b, float* c, Index ldc, bool add);

  /// y = x r with r = 1 / sqrt(mean(x^2) + eps) of each row (RMSNorm, Zhang and Sennrich 2019, arXiv 1910.07467, no
  /// gain).
  void (*norm)(const float* x, float* y, Index ld, float* r, Index rows, Index width, float eps);
  /// dx = r (dy - y mean(dy y)), or dx += that.
  void (*norm_backward)(const float* dy, const float* y, const float* r, float* dx, Index ld, Index rows, Index width,
                        bool add);
  /// RMSNorm and rotary positions of every head of q and k, in place; r [rows, 2 heads]. cos, sin [context, d_head]: of
  /// the angle of each element's pair, sin with the sign of its term (- for even elements).
  void (*rotate_qk)(float* qkv, Index ld, float* r, const float* cos, const float* sin, const AttentionShape& shape,
                    float eps);
  /// Gradients of rotated q and k over the head's scale, as attention_backward gives them -> of the products, in place;
  /// dscales [heads] (may be null) += the gradient of the scales.
  void (*rotate_qk_backward)(float* dqkv, const float* qkv, Index ld, const float* r, const float* cos,
                             const float* sin, const AttentionShape& shape, float* dscales);
  void (*attention)(const AttentionForward& a, const AttentionShape& shape);
  void (*attention_backward)(const AttentionBackward& a, const AttentionShape& shape);
  /// u -> gelu(u) = u Phi(u) in place (Hendrycks and Gimpel 2016, arXiv 1606.08415); slope = gelu'(u).
  void (*gelu)(float* u, float* slope, Index ld, Index rows, Index width);
  void (*multiply)(float* x, const float* y, Index ld, Index rows, Index width);  ///< x *= y
  /// losses [rows] = -ln softmax(logits)[target]; then logits = (softmax - onehot) * scale, unless scale is 0.
  void (*cross_entropy)(float* logits, Index ld, const std::int64_t* targets, float* losses, float scale, Index rows,
                        Index vocab);
  /// x [rows, ld] = rows `tokens` of the table [vocab, width], padding = 0; and table gradient [token] += dx.
  void (*gather)(const float* table, const std::int64_t* tokens, float* x, Index ld, Index rows, Index width);
  void (*scatter_add)(const float* dx, Index ld, const std::int64_t* tokens, float* dtable, Index rows, Index width);
};

/// Floats of a packed right operand of `rows` x `cols`.
constexpr Index packed_size(const Kernels& kernels, Index rows, Index cols) {
  const auto up = [](Index n, Index unit) { return (n + unit - 1) / unit * unit; };
  constexpr Index kFloat = sizeof(float);
  return up(cols, kernels.panel_width) * up(rows, kernels.depth_unit) * kernels.element_bytes / kFloat + kSlack;
}
/// A packed right operand of that many rows.
constexpr Right packed_right(const Kernels& kernels, const float* packed, Index rows) {
  return {packed, kernels.panel_width, rows * kernels.panel_width, true};
}
/// A matrix as a right operand.
constexpr Right plain_right(const Kernels& kernels, const float* matrix, Index ld) {
  return {matrix, ld, kernels.panel_width, false};
}

/// The copies this processor can run, best first.
[[nodiscard]] std::span<const Kernels* const> available_kernels();

}  // namespace scalelaw::native
