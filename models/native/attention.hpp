/// Causal attention of one chunk of windows, head by head. Included by kernels.cpp only.
///
/// Sizes
///   S windows (sequences), H heads, T context: the positions of a window, D d_head: the width of a head
///   W     floats (lanes) in a vector; whole_vectors(n) is n rounded up to it
///   ld    floats from one row of a matrix to the next, of a buffer of activations stride(width) (kernels.hpp)
///
/// Buffers. Rows of the first four are the S T tokens, with the heads side by side, so that the matrix of one head is a
/// block of T rows and D columns in them; the others hold one matrix after another, S H of them, or one at a time.
///   qkv, dqkv      [S T, 3 H D]   ld_qkv             q, k and v of head h begin at columns h D, (H + h) D, (2 H + h) D
///   out, dout      [S T, H D]     ld_out, ld_dout    O and dO
///   weights        [S H, T, T]    stride(T)          E, kept from the forward pass
///   inverse_sums   [S H, T]                          1 / l, kept from the forward pass
///   scratch        [D, T]         stride(T)          forward pass: scale K^T
///   scratch        [T, T]         stride(T)          backward pass: dS, then
///                  [D, T]         stride(T)          V^T, then
///                  [T, D]         stride(D)          dO'
///
/// Forward pass of one head, with i and j positions, j <= i. Queries and keys come normalized; the scale is the head's.
///   1. scores    S_ij = scale q_i . k_j
///   2. softmax   E_ij = exp(S_ij - m_i), 0 for j > i;  l_i = sum_j E_ij;  the softmax is P_ij = E_ij / l_i
///   3. mixing    o_i = (sum_j E_ij v_j) / l_i
/// m_i is the largest score of the row, or 0 where scores are small enough for exp without it.
///
/// Backward pass. O = P V gives
///   dV_j = sum_i P_ij dO_i,   dP_ij = dO_i . V_j,
/// the softmax of a row, in which m_i cancels, has the gradient P_ij (dP_ij - sum_k P_ik dP_ik) with respect to S_ij,
/// and
///   sum_k P_ik dP_ik = dO_i . (sum_k P_ik V_k) = dO_i . O_i.
/// dS is this gradient. S = scale Q K^T, so dQ / scale = dS K and dK / scale = dS^T Q: these are what is
/// left here, and rotate_qk_backward multiplies them by the scale. The factor 1 / l_i in P = E / l is put into dO, so
/// that P itself is never needed:
///   4. upstream  dO'_i = dO_i / l_i,   delta_i = dO'_i . O_i
///   5. weights   dP'_ij = dO'_i . V_j
///   6. scores    dS_ij = E_ij (dP'_ij - delta_i)
///   7. queries   dQ_i / scale = sum_j dS_ij K_j
///   8. keys      dK_j / scale = sum_i dS_ij Q_i
///   9. values    dV_j = sum_i E_ij dO'_i
/// Passes 1 to 7 go by blocks of rows i, over columns j up to the last row; 8 and 9 by blocks of rows j, over i from
/// the first of them on.
#pragma once
#include "models/native/gemm.hpp"
#include "models/native/pointwise.hpp"

namespace scalelaw::native::SCALELAW_ISA {

/// Rows of a block. Few rows waste little above the diagonal; two blocks of half of them still keep the multipliers
/// busy.
constexpr Index kAttentionRows = W == 16 ? 16 : 8;

/// Rows begin .. end - 1 of the T rows of a head.
struct AttentionRows {
  Index begin, end;
  [[nodiscard]] Index count() const { return end - begin; }
};
SCALELAW_INLINE AttentionRows attention_rows(Index begin, Index context) {
  return {begin, begin + smaller(kAttentionRows, context - begin)};
}

/// What the forward pass of one head reads and writes, each at its first row.
struct ForwardHead {
  Index context, d_head, ld_qkv, ld_out, ld_scores;
  const float *q, *k, *v;  ///< [T, D]
  float* keys;             ///< [D, T] scale K^T
  float* weights;          ///< [T, T] S, then E
  float* inverse;          ///< [T] 1 / l
  float* out;              ///< [T, D] O
};

/// What the backward pass of one head reads and writes.
struct BackwardHead {
  Index context, d_head, ld_qkv, ld_out, ld_dout, ld_scores, ld_upstream;
  const float *q, *k, *v, *out, *dout;  ///< [T, D]
  const float* weights;                 ///< [T, T] E
  const float* inverse;                 ///< [T] 1 / l
  float* ds;                            ///< [T, T] dP', then dS
  float* values;                        ///< [D, T] V^T
  float* upstream;                      ///< [T, D] dO'
  float *dq, *dk, *dv;                  ///< [T, D]
};

/// Rows [d] of x, each times its factor, in vectors of N floats.
template <Index N>
SCALELAW_INLINE void scale_rows(float* x, Index ld, const float* factors, Index rows, Index d) {
  for (Index i = 0; i < rows; ++i) {
    float* row = x + i * ld;
    const float factor = factors[i];
    for (Index c = 0; c < d; c += N) Heads<N>::put(row + c, Heads<N>::get(row + c) * factor);
  }
}

/// The first n scores of a row -> exp of them, less the largest where they are not bounded; zero in the rest of the
/// last vector. Returns their sum.
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

/// 1. S_ij = scale q_i . k_j for the rows and all columns up to the last of them.
SCALELAW_INLINE void make_scores(const ForwardHead& h, AttentionRows rows) {
  const Left q{h.q + rows.begin * h.ld_qkv, h.ld_qkv, 1};
  const Right keys{h.keys, h.ld_scores, kPanel};
  product(rows.count(), whole_vectors(rows.end), h.d_head, q, keys, h.weights + rows.begin * h.ld_scores, h.ld_scores,
          false);
}

/// 2. E_ij = exp(S_ij - m_i) in place, zero above the diagonal, and 1 / l_i. @param bounded m_i = 0
SCALELAW_INLINE void make_weights(const ForwardHead& h, AttentionRows rows, bool bounded) {
  for (Index i = rows.begin; i < rows.end; ++i) {
    float* row = h.weights + i * h.ld_scores;
    h.inverse[i] = 1.0F / (bounded ? exp_row<true>(row, i + 1) : exp_row<false>(row, i + 1));
    for (Index c = whole_vectors(i + 1); c < whole_vectors(rows.end); c += W) store(row + c, Vector{});
  }
}

/// 3. o_i = (sum_j E_ij v_j) / l_i
SCALELAW_INLINE void mix_values(const ForwardHead& h, AttentionRows rows) {
  const Left weights{h.weights + rows.begin * h.ld_scores, h.ld_scores, 1};
  float* out = h.out + rows.begin * h.ld_out;
  product(rows.count(), h.d_head, rows.end, weights, {h.v, h.ld_qkv, kPanel}, out, h.ld_out, false);
  with_part(h.d_head,
            [&](auto part) { scale_rows<part>(out, h.ld_out, h.inverse + rows.begin, rows.count(), h.d_head); });
}

void attention(const AttentionForward& a, const AttentionShape& s) {
  const Index t = s.context, d = s.d_head, width = s.heads * d, ld_scores = stride(t);
  for (Index sequence = 0; sequence < s.sequences; ++sequence) {
    for (Index head = 0; head < s.heads; ++head) {
      const float scale = s.scales[head];
      // |S| <= |scale| D, since q and k are normalized: here weights and sums stay within 1e-7 .. 1e10 without a shift.
      const bool bounded = __builtin_fabsf(scale) * static_cast<float>(d) <= 16.0F;
      const Index number = sequence * s.heads + head;
      const float* q = a.qkv + sequence * t * a.ld_qkv + head * d;
      const ForwardHead h{.context = t,
                          .d_head = d,
                          .ld_qkv = a.ld_qkv,
                          .ld_out = a.ld_out,
                          .ld_scores = ld_scores,
                          .q = q,
                          .k = q + width,
                          .v = q + 2 * width,
                          .keys = a.scratch,
                          .weights = a.weights + number * t * ld_scores,
                          .inverse = a.inverse_sums + number * t,
                          .out = a.out + sequence * t * a.ld_out + head * d};
      transpose(h.k, h.ld_qkv, h.keys, ld_scores, t, d, scale);
      for (Index begin = 0; begin < t; begin += kAttentionRows) {
        const AttentionRows rows = attention_rows(begin, t);
        make_scores(h, rows);
        make_weights(h, rows, bounded);
        mix_values(h, rows);
      }
    }
  }
}

/// 4. dO'_i = dO_i / l_i, and delta_i = dO'_i . O_i, in vectors of N floats. @param delta [rows]
template <Index N>
SCALELAW_INLINE void make_upstream(const BackwardHead& h, AttentionRows rows, float* delta) {
  using Part = typename Heads<N>::Part;
  const Index d = h.d_head;
  for (Index i = rows.begin; i < rows.end; ++i) {
    const float* dout = h.dout + i * h.ld_dout;
    const float* out = h.out + i * h.ld_out;
    float* to = h.upstream + i * h.ld_upstream;
    const float factor = h.inverse[i];
    Part products{};
    for (Index c = 0; c < d; c += N) {
      const auto scaled = Heads<N>::get(dout + c) * factor;
      Heads<N>::put(to + c, scaled);
      products += scaled * Heads<N>::get(out + c);
    }
    delta[i - rows.begin] = sum<N>(products);
  }
}

/// 5. dP'_ij = dO'_i . V_j for the rows and all columns up to the last of them.
SCALELAW_INLINE void make_weight_slopes(const BackwardHead& h, AttentionRows rows) {
  const Left upstream{h.upstream + rows.begin * h.ld_upstream, h.ld_upstream, 1};
  const Right values{h.values, h.ld_scores, kPanel};
  product(rows.count(), whole_vectors(rows.end), h.d_head, upstream, values, h.ds + rows.begin * h.ld_scores,
          h.ld_scores, false);
}

/// 6. dS_ij = E_ij (dP'_ij - delta_i) in place; zero above the diagonal, where E is.
SCALELAW_INLINE void make_score_slopes(const BackwardHead& h, AttentionRows rows, const float* deltas) {
  for (Index i = rows.begin; i < rows.end; ++i) {
    const float* e = h.weights + i * h.ld_scores;
    float* row = h.ds + i * h.ld_scores;
    const Vector delta = splat(deltas[i - rows.begin]);
    for (Index c = 0; c < rows.end; c += W) store(row + c, load(e + c) * (load(row + c) - delta));
  }
}

/// 7. dQ_i / scale = sum_j dS_ij K_j
SCALELAW_INLINE void make_query_slopes(const BackwardHead& h, AttentionRows rows) {
  const Left ds{h.ds + rows.begin * h.ld_scores, h.ld_scores, 1};
  product(rows.count(), h.d_head, rows.end, ds, {h.k, h.ld_qkv, kPanel}, h.dq + rows.begin * h.ld_qkv, h.ld_qkv, false);
}

/// 8. dK_j / scale = sum_i dS_ij Q_i and 9. dV_j = sum_i E_ij dO'_i for the rows j: the transposes of what lies on and
/// below the diagonal in their columns, times the rows i from their first on.
SCALELAW_INLINE void make_key_and_value_slopes(const BackwardHead& h, AttentionRows rows) {
  const Index depth = h.context - rows.begin;
  const Index diagonal = rows.begin * h.ld_scores + rows.begin;
  const Left ds{h.ds + diagonal, 1, h.ld_scores};
  const Left weights{h.weights + diagonal, 1, h.ld_scores};
  const Right q{h.q + rows.begin * h.ld_qkv, h.ld_qkv, kPanel};
  const Right upstream{h.upstream + rows.begin * h.ld_upstream, h.ld_upstream, kPanel};
  product(rows.count(), h.d_head, depth, ds, q, h.dk + rows.begin * h.ld_qkv, h.ld_qkv, false);
  product(rows.count(), h.d_head, depth, weights, upstream, h.dv + rows.begin * h.ld_qkv, h.ld_qkv, false);
}

/// The head of one window, in buffers as the legend has them.
SCALELAW_INLINE BackwardHead backward_head(const AttentionBackward& a, const AttentionShape& s, Index sequence,
                                           Index head) {
  const Index t = s.context, d = s.d_head, width = s.heads * d, ld_scores = stride(t);
  const Index number = sequence * s.heads + head;
  const float* q = a.qkv + sequence * t * a.ld_qkv + head * d;
  float* dq = a.dqkv + sequence * t * a.ld_qkv + head * d;
  return {.context = t,
          .d_head = d,
          .ld_qkv = a.ld_qkv,
          .ld_out = a.ld_out,
          .ld_dout = a.ld_dout,
          .ld_scores = ld_scores,
          .ld_upstream = stride(d),
          .q = q,
          .k = q + width,
          .v = q + 2 * width,
          .out = a.out + sequence * t * a.ld_out + head * d,
          .dout = a.dout + sequence * t * a.ld_dout + head * d,
          .weights = a.weights + number * t * ld_scores,
          .inverse = a.inverse_sums + number * t,
          .ds = a.scratch,
          .values = a.scratch + t * ld_scores,
          .upstream = a.scratch + t * ld_scores + d * ld_scores,
          .dq = dq,
          .dk = dq + width,
          .dv = dq + 2 * width};
}

void attention_backward(const AttentionBackward& a, const AttentionShape& s) {
  for (Index sequence = 0; sequence < s.sequences; ++sequence) {
    for (Index head = 0; head < s.heads; ++head) {
      const BackwardHead h = backward_head(a, s, sequence, head);
      transpose(h.v, h.ld_qkv, h.values, h.ld_scores, h.context, h.d_head, 1.0F);
      for (Index begin = 0; begin < h.context; begin += kAttentionRows) {
        const AttentionRows rows = attention_rows(begin, h.context);
        float deltas[kAttentionRows];
        with_part(h.d_head, [&](auto part) { make_upstream<part>(h, rows, deltas); });
        make_weight_slopes(h, rows);
        make_score_slopes(h, rows, deltas);
        make_query_slopes(h, rows);
      }
      for (Index begin = 0; begin < h.context; begin += kAttentionRows) {
        make_key_and_value_slopes(h, attention_rows(begin, h.context));
      }
    }
  }
}

}  // namespace scalelaw::native::SCALELAW_ISA
