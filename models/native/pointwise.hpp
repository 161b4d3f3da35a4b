// Everything of the step that is neither a matrix product nor attention. Included by kernels.cpp only.
#pragma once
#include "models/native/simd.hpp"

namespace scalelaw::native::SCALELAW_ISA {

/// The first n lanes of x, zero elsewhere.
SCALELAW_INLINE Vector first_lanes(Vector x, Index n) {
  return lane_numbers() < static_cast<std::int32_t>(n) ? x : Vector{};
}

/// f(column, vector filter) for each vector of a row: only the last one may hold padding, which the filter sets to
/// zero.
template <class F>
SCALELAW_INLINE void each_vector(Index width, F f) {
  Index c = 0;
  for (; c + W <= width; c += W) f(c, [](Vector x) { return x; });
  if (c < width) f(c, [n = width - c](Vector x) { return first_lanes(x, n); });
}

void norm(const float* x, float* y, Index ld, float* r, Index rows, Index width, float eps) {
  const float per_element = 1.0F / static_cast<float>(width);
  for (Index i = 0; i < rows; ++i, x += ld, y += ld) {
    Vector squares{};
    each_vector(width, [&](Index c, auto real) {
      const Vector v = real(load(x + c));
      squares += v * v;
    });
    const float scale = 1.0F / __builtin_sqrtf(sum(squares) * per_element + eps);
    r[i] = scale;
    for (Index c = 0; c < width; c += W) store(y + c, load(x + c) * scale);
  }
}

void norm_backward(const float* dy, const float* y, const float* r, float* dx, Index ld, Index rows, Index width,
                   bool add) {
  const float per_element = 1.0F / static_cast<float>(width);
  for (Index i = 0; i < rows; ++i, dy += ld, y += ld, dx += ld) {
    Vector products{};
    each_vector(width, [&](Index c, auto real) { products += real(load(dy + c) * load(y + c)); });
    const float mean = sum(products) * per_element;
    const float scale = r[i];
    if (add) {
      for (Index c = 0; c < width; c += W) store(dx + c, load(dx + c) + scale * (load(dy + c) - load(y + c) * mean));
    } else {
      for (Index c = 0; c < width; c += W) store(dx + c, scale * (load(dy + c) - load(y + c) * mean));
    }
  }
}

/// x of every pair (x, y) -> y and back.
template <Index N>
SCALELAW_INLINE auto swap_pairs(const typename VectorOf<N>::Float& x) {
  if constexpr (N == 16) {
    return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  } else if constexpr (N == 8) {
    return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6);
  } else if constexpr (N == 4) {
    return __builtin_shufflevector(x, x, 1, 0, 3, 2);
  } else {
    return __builtin_shufflevector(x, x, 1, 0);
  }
}

/// Heads in vectors of N floats, N a divisor of d_head: nothing outside a head is touched.
template <Index N>
struct Heads {
  using Part = typename VectorOf<N>::Float;
  static Part get(const float* p) { return *reinterpret_cast<const Part*>(p); }
  static void put(float* p, const Part& x) { *reinterpret_cast<Part*>(p) = x; }

  static void forward(float* qkv, Index ld, float* r, const float* cos, const float* sin, const AttentionShape& s,
                      float eps) {
    const Index d = s.d_head;
    const float per_element = 1.0F / static_cast<float>(d);
    for (Index i = 0; i < s.sequences * s.context; ++i, qkv += ld) {
      const float* cos_row = cos + i % s.context * d;
      const float* sin_row = sin + i % s.context * d;
      float* x = qkv;
      for (Index head = 0; head < 2 * s.heads; ++head, x += d) {
        Part squares{};
        for (Index c = 0; c < d; c += N) squares += get(x + c) * get(x + c);
        const float scale = 1.0F / __builtin_sqrtf(sum<N>(squares) * per_element + eps);
        *r++ = scale;
        for (Index c = 0; c < d; c += N) {
          const Part y = get(x + c) * scale;
          put(x + c, y * get(cos_row + c) + swap_pairs<N>(y) * get(sin_row + c));
        }
      }
    }
  }

  // Turning keeps lengths and inner products, so the norm's gradient needs only the turned vectors. With dx = dq /
  // scale it is scale r (dx - y mean(dx y)); and as S_ij = scale q_i . k_j, the scale itself has the gradient sum_ij
  // dS_ij q_i . k_j = sum_i dx_i . q_i.
  static void backward(float* dqkv, const float* qkv, Index ld, const float* r, const float* cos, const float* sin,
                       const AttentionShape& s, float* dscales) {
    const Index d = s.d_head;
    const float per_element = 1.0F / static_cast<float>(d);
    for (Index i = 0; i < s.sequences * s.context; ++i, qkv += ld, dqkv += ld) {
      const float* cos_row = cos + i % s.context * d;
      const float* sin_row = sin + i % s.context * d;
      float* dx = dqkv;
      const float* y = qkv;
      for (Index head = 0; head < 2 * s.heads; ++head, dx += d, y += d) {
        Part products{};
        for (Index c = 0; c < d; c += N) products += get(dx + c) * get(y + c);
        const float product = sum<N>(products);
        if (dscales != nullptr && head < s.heads) dscales[head] += product;
        const float mean = product * per_element;
        const float scale = *r++ * s.scales[head < s.heads ? head : head - s.heads];
        for (Index c = 0; c < d; c += N) {
          const Part turned = scale * (get(dx + c) - get(y + c) * mean);
          put(dx + c, turned * get(cos_row + c) - swap_pairs<N>(turned) * get(sin_row + c));
        }
      }
    }
  }
};

/// f(width of the widest vector that divides d_head, as a constant)
template <class F>
SCALELAW_INLINE void with_part(Index d_head, F f) {
  if (W >= 16 && d_head % 16 == 0) return f(std::integral_constant<Index, (W >= 16 ? 16 : W)>());
  if (W >= 8 && d_head % 8 == 0) return f(std::integral_constant<Index, (W >= 8 ? 8 : W)>());
  if (d_head % 4 == 0) return f(std::integral_constant<Index, 4>());
  f(std::integral_constant<Index, 2>());
}
void rotate_qk(float* qkv, Index ld, float* r, const float* cos, const float* sin, const AttentionShape& shape,
               float eps) {
  with_part(shape.d_head, [&](auto part) { Heads<part>::forward(qkv, ld, r, cos, sin, shape, eps); });
}
void rotate_qk_backward(float* dqkv, const float* qkv, Index ld, const float* r, const float* cos, const float* sin,
                        const AttentionShape& shape, float* dscales) {
  with_part(shape.d_head, [&](auto part) { Heads<part>::backward(dqkv, qkv, ld, r, cos, sin, shape, dscales); });
}

void gelu(float* u, float* slope, Index ld, Index rows, Index width) {
  // gelu(x) = x Phi(x), gelu'(x) = Phi(x) + x phi(x). With z = |x| / sqrt 2 and t = 1 / (1 + p z)
  //   erfc(z) = (a1 t + a2 t^2 + a3 t^3 + a4 t^4 + a5 t^5) e^(-z^2)
  // to 1.5e-7 (Abramowitz and Stegun 1964, 7.1.26), and e^(-z^2) serves phi too.
  constexpr float kP = 0.3275911F * 0.70710678F;
  constexpr float kA1 = 0.254829592F, kA2 = -0.284496736F, kA3 = 1.421413741F, kA4 = -1.453152027F, kA5 = 1.061405429F;
  constexpr float kDensity = 0.39894228F;  // 1 / sqrt(2 pi)
  for (Index i = 0; i < rows; ++i, u += ld, slope += ld) {
    for (Index c = 0; c < width; c += W) {
      const Vector x = load(u + c);
      const Vector bell = exp_at_most_zero(-0.5F * x * x);
      const Vector t = 1.0F / (1.0F + kP * (x < 0.0F ? -x : x));
      const Vector tail = 0.5F * bell * t * (kA1 + t * (kA2 + t * (kA3 + t * (kA4 + t * kA5))));  // Phi(-|x|)
      const Vector phi = x < 0.0F ? tail : 1.0F - tail;
      store(u + c, x * phi);
      store(slope + c, phi + x * bell * kDensity);
    }
  }
}

void multiply(float* x, const float* y, Index ld, Index rows, Index width) {
  for (Index i = 0; i < rows; ++i, x += ld, y += ld) {
    for (Index c = 0; c < width; c += W) store(x + c, load(x + c) * load(y + c));
  }
}

void cross_entropy(float* logits, Index ld, const std::int64_t* targets, float* losses, float scale, Index rows,
                   Index vocab) {
  for (Index i = 0; i < rows; ++i, logits += ld) {
    // Padding that no maximum and no sum notices.
    for (Index c = vocab; c < whole_vectors(vocab); ++c) logits[c] = -__builtin_inff();
    Vector top = load(logits);
    for (Index c = W; c < vocab; c += W) top = maximum(top, load(logits + c));
    const float peak = largest(top);
    const float at_target = logits[targets[i]];
    Vector total{};
    each_vector(vocab, [&](Index c, auto real) {
      const Vector e = real(exp_at_most_zero(load(logits + c) - peak));
      store(logits + c, e);
      total += e;
    });
    const float norm = sum(total);
    losses[i] = static_cast<float>(__builtin_log(static_cast<double>(norm))) + (peak - at_target);
    if (scale == 0.0F) continue;
    const float factor = scale / norm;
    for (Index c = 0; c < vocab; c += W) store(logits + c, load(logits + c) * factor);
    logits[targets[i]] -= scale;
  }
}

void gather(const float* table, const std::int64_t* tokens, float* x, Index ld, Index rows, Index width) {
  for (Index i = 0; i < rows; ++i, x += ld) {
    const float* from = table + tokens[i] * width;
    Index c = 0;
    for (; c + W <= width; c += W) store(x + c, load(from + c));
    for (; c < width; ++c) x[c] = from[c];
    for (; c < ld; ++c) x[c] = 0.0F;
  }
}

void scatter_add(const float* dx, Index ld, const std::int64_t* tokens, float* dtable, Index rows, Index width) {
  for (Index i = 0; i < rows; ++i, dx += ld) {
    float* to = dtable + tokens[i] * width;
    Index c = 0;
    for (; c + W <= width; c += W) store(to + c, load(to + c) + load(dx + c));
    for (; c < width; ++c) to[c] += dx[c];
  }
}

}  // namespace scalelaw::native::SCALELAW_ISA
