/// Causal attention of one chunk of sequences, head by head. Included by kernels.cpp only.
/// Queries and keys come normalized, so |score| <= scale * d_head: where that is small, exp needs no maximum
/// subtracted. T context, D d_head. The weights kept are E = exp(S - shift of the row) below and on the diagonal; the
/// softmax is P = E / sums.
#pragma once
#include "models/native/gemm.hpp"
#include "models/native/pointwise.hpp"

namespace scalelaw::native::SCALELAW_ISA {

// Few rows waste little above the diagonal; two blocks of half of them still keep the multipliers busy.
constexpr Index kAttentionRows = W == 16 ? 16 : 8;

/// Rows [d] of x, each times its factor.
template <Index N>
SCALELAW_INLINE void scale_rows(float* x, Index ld, const float* factors, Index rows, Index d) {
  for (Index i = 0; i < rows; ++i, x += ld) {
    const float factor = factors[i];
    for (Index c = 0; c < d; c += N) Heads<N>::put(x + c, Heads<N>::get(x + c) * factor);
  }
}
/// to = rows of x times their factors; dots = those rows times the rows of y.
template <Index N>
SCALELAW_INLINE void scale_and_dot(const float* x, Index ldx, const float* factors, const float* y, Index ldy,
                                   float* to, Index ld_to, float* dots, Index rows, Index d) {
  for (Index i = 0; i < rows; ++i, x += ldx, y += ldy, to += ld_to) {
    const float factor = factors[i];
    typename Heads<N>::Part products{};
    for (Index c = 0; c < d; c += N) {
      const auto scaled = Heads<N>::get(x + c) * factor;
      Heads<N>::put(to + c, scaled);
      products += scaled * Heads<N>::get(y + c);
    }
    dots[i] = sum<N>(products);
  }
}

/// The first n scores of a row -> exp of them; zero in the rest of the last vector. Returns their sum.
template <bool bounded>
SCALELAW_INLINE float exp_row(float* row, Index n) {
  Vector shift{};
  if constexpr (!bounded) {
    Vector top = splat(row[0]);
    Index c = 0;
    for (; c + W <= n; c += W) top = maximum(top, load(row + c));
    float highest = largest(top);
    for (; c < n; ++c) highest = row[c] > highest ? row[c] : highest;
    shift = splat(highest);
  }
  Vector total{};
  each_vector(n, [&](Index c, auto real) {
    const Vector e = real(bounded ? exp_bounded(load(row + c)) : exp_at_most_zero(load(row + c) - shift));
    store(row + c, e);
    total += e;
  });
  return sum(total);
}

void attention(const AttentionForward& a, const AttentionShape& s) {
  const Index t = s.context, d = s.d_head, width = s.heads * d, ld = stride(t);
  const float scale = s.scale;
  const bool bounded = scale * static_cast<float>(d) <= 16.0F;  // weights and sums stay within 1e-7 .. 1e10
  float* keys = a.scratch;                                      // [D, ld]
  float* weights = a.weights;
  float* inverse = a.inverse_sums;
  for (Index sequence = 0; sequence < s.sequences; ++sequence) {
    for (Index head = 0; head < s.heads; ++head, weights += t * ld, inverse += t) {
      const float* q = a.qkv + sequence * t * a.ld_qkv + head * d;
      const float* v = q + 2 * width;
      float* out = a.out + sequence * t * a.ld_out + head * d;
      transpose(q + width, a.ld_qkv, keys, ld, t, d, scale);
      for (Index begin = 0; begin < t; begin += kAttentionRows) {
        const Index rows = smaller(kAttentionRows, t - begin), end = begin + rows;
        float* block = weights + begin * ld;
        product(rows, whole_vectors(end), d, {q + begin * a.ld_qkv, a.ld_qkv, 1}, {keys, ld, kPanel}, block, ld, false);
        for (Index i = begin; i < end; ++i) {
          float* row = weights + i * ld;
          inverse[i] = 1.0F / (bounded ? exp_row<true>(row, i + 1) : exp_row<false>(row, i + 1));
          for (Index c = whole_vectors(i + 1); c < whole_vectors(end); c += W) store(row + c, Vector{});
        }
        product(rows, d, end, {block, ld, 1}, {v, a.ld_qkv, kPanel}, out + begin * a.ld_out, a.ld_out, false);
        with_part(d, [&](auto part) { scale_rows<part>(out + begin * a.ld_out, a.ld_out, inverse + begin, rows, d); });
      }
    }
  }
}

// With dO' = dO / sums (row by row) everything else needs E only:
//   dV = P^T dO = E^T dO',  dS = P (dP - sum_j P dP) = E (dO' V^T - dO' . O),  dQ = dS K,  dK = dS^T Q.
void attention_backward(const AttentionBackward& a, const AttentionShape& s) {
  const Index t = s.context, d = s.d_head, width = s.heads * d, ld = stride(t), ld_d = stride(d);
  const float scale = s.scale;
  float* ds = a.scratch;          // [T, ld]
  float* values = ds + t * ld;    // [D, ld]
  float* dout = values + d * ld;  // [T, ld_d]
  const float* weights = a.weights;
  const float* inverse = a.inverse_sums;
  for (Index sequence = 0; sequence < s.sequences; ++sequence) {
    const Index first = sequence * t;
    for (Index head = 0; head < s.heads; ++head, weights += t * ld, inverse += t) {
      const float* q = a.qkv + first * a.ld_qkv + head * d;
      const float* k = q + width;
      float* dq = a.dqkv + first * a.ld_qkv + head * d;
      transpose(k + width, a.ld_qkv, values, ld, t, d, 1.0F);
      for (Index begin = 0; begin < t; begin += kAttentionRows) {
        const Index rows = smaller(kAttentionRows, t - begin), end = begin + rows;
        float shift[kAttentionRows];
        with_part(d, [&](auto part) {
          scale_and_dot<part>(a.dout + (first + begin) * a.ld_dout + head * d, a.ld_dout, inverse + begin,
                              a.out + (first + begin) * a.ld_out + head * d, a.ld_out, dout + begin * ld_d, ld_d, shift,
                              rows, d);
        });
        float* block = ds + begin * ld;
        product(rows, whole_vectors(end), d, {dout + begin * ld_d, ld_d, 1}, {values, ld, kPanel}, block, ld, false);
        for (Index i = begin; i < end; ++i) {
          const float* e = weights + i * ld;
          float* row = ds + i * ld;
          const Vector delta = splat(shift[i - begin]);
          for (Index c = 0; c < end; c += W) store(row + c, load(e + c) * (load(row + c) - delta) * scale);
        }
        product(rows, d, end, {block, ld, 1}, {k, a.ld_qkv, kPanel}, dq + begin * a.ld_qkv, a.ld_qkv, false);
      }
      for (Index begin = 0; begin < t; begin += kAttentionRows) {
        const Index rows = smaller(kAttentionRows, t - begin), depth = t - begin;
        const Index diagonal = begin * ld + begin;
        float* dk = dq + width + begin * a.ld_qkv;
        product(rows, d, depth, {ds + diagonal, 1, ld}, {q + begin * a.ld_qkv, a.ld_qkv, kPanel}, dk, a.ld_qkv, false);
        product(rows, d, depth, {weights + diagonal, 1, ld}, {dout + begin * ld_d, ld_d, kPanel}, dk + width, a.ld_qkv,
                false);
      }
    }
  }
}

}  // namespace scalelaw::native::SCALELAW_ISA
