/// Causal attention of one chunk of sequences, head by head. Included by kernels.cpp only.
/// Queries and keys come normalized, so |score| <= sqrt(d_head) and exp needs no maximum subtracted.
/// T context, D d_head. The weights kept are E = exp(S) below and on the diagonal; the softmax is P = E / sums.
#pragma once
#include "models/native/gemm.hpp"
#include "models/native/pointwise.hpp"

namespace scalelaw::native::SCALELAW_ISA {

constexpr Index kAttentionRows = 2 * kRows;

void attention(const AttentionForward& a, const AttentionShape& s) {
  const Index t = s.context, d = s.d_head, width = s.heads * d, ld = stride(t);
  const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(d));
  float* keys = a.scratch;  // [D, ld]
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
          Vector total{};
          each_vector(i + 1, [&](Index c, auto real) {
            const Vector e = real(exp_bounded(load(row + c)));
            store(row + c, e);
            total += e;
          });
          for (Index c = whole_vectors(i + 1); c < whole_vectors(end); c += W) store(row + c, Vector{});
          inverse[i] = 1.0F / sum(total);
        }
        product(rows, d, end, {block, ld, 1}, {v, a.ld_qkv, kPanel}, out + begin * a.ld_out, a.ld_out, false);
        for (Index i = begin; i < end; ++i) {
          for (Index c = 0; c < d; ++c) out[i * a.ld_out + c] *= inverse[i];
        }
      }
    }
  }
}

// With dO' = dO / sums (row by row) everything else needs E only:
//   dV = P^T dO = E^T dO',  dS = P (dP - sum_j P dP) = E (dO' V^T - dO' . O),  dQ = dS K,  dK = dS^T Q.
void attention_backward(const AttentionBackward& a, const AttentionShape& s) {
  const Index t = s.context, d = s.d_head, width = s.heads * d, ld = stride(t), ld_d = stride(d);
  const float scale = 1.0F / __builtin_sqrtf(static_cast<float>(d));
  float* ds = a.scratch;           // [T, ld]
  float* values = ds + t * ld;     // [D, ld]
  float* dout = values + d * ld;   // [T, ld_d]
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
        for (Index i = begin; i < end; ++i) {
          const float* from = a.dout + (first + i) * a.ld_dout + head * d;
          const float* o = a.out + (first + i) * a.ld_out + head * d;
          float dot = 0.0F;
          for (Index c = 0; c < d; ++c) {
            const float x = from[c] * inverse[i];
            dout[i * ld_d + c] = x;
            dot += x * o[c];
          }
          shift[i - begin] = dot;
        }
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
