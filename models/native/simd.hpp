// Vectors of W floats by the compiler's vector extensions; W is set by the instruction set that the file is compiled
// for. Included by kernels.cpp only, inside no namespace. No -ffast-math anywhere: NaN and infinity keep their meaning.
#pragma once
#include <cstdint>

#include "models/native/kernels.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Everything below differs between the copies, so each has a namespace of its own.
namespace scalelaw::native::SCALELAW_ISA {

#define SCALELAW_INLINE inline __attribute__((always_inline))

#if defined(SCALELAW_LANES)  // a test: other widths than the processor's, for the compiler to put together
constexpr Index W = SCALELAW_LANES;
#elif defined(__AVX512F__)
constexpr Index W = 16;
#elif defined(__AVX2__)
constexpr Index W = 8;
#else
constexpr Index W = 4;
#endif

template <Index N>
struct VectorOf {
  using Float __attribute__((vector_size(4 * N), aligned(4), may_alias)) = float;
  using Int __attribute__((vector_size(4 * N))) = std::int32_t;
};
using Vector = VectorOf<W>::Float;
using Lanes = VectorOf<W>::Int;
using Four = VectorOf<4>::Float;

constexpr Index whole_vectors(Index n) { return (n + W - 1) / W * W; }

SCALELAW_INLINE Vector load(const float* p) { return *reinterpret_cast<const Vector*>(p); }
SCALELAW_INLINE void store(float* p, Vector x) { *reinterpret_cast<Vector*>(p) = x; }
// x - 0 is x for every x, which the compiler knows (0 + x is not, for -0), so this is one broadcast.
SCALELAW_INLINE Vector splat(float x) { return x - Vector{}; }

SCALELAW_INLINE Lanes lane_numbers() {
  Lanes lanes{};
  for (Index i = 0; i < W; ++i) lanes[i] = static_cast<std::int32_t>(i);
  return lanes;
}

/// The larger of each lane; x where either is NaN, as maxps has it.
SCALELAW_INLINE Vector maximum(Vector low, Vector x) {
#if defined(SCALELAW_LANES) || !defined(__x86_64__)
  return low > x ? low : x;
#elif defined(__AVX512F__)
  return static_cast<Vector>(_mm512_max_ps(static_cast<__m512>(low), static_cast<__m512>(x)));
#elif defined(__AVX2__)
  return static_cast<Vector>(_mm256_max_ps(static_cast<__m256>(low), static_cast<__m256>(x)));
#else
  return static_cast<Vector>(_mm_max_ps(static_cast<__m128>(low), static_cast<__m128>(x)));
#endif
}
SCALELAW_INLINE Vector at_least(Vector x, float low) { return maximum(splat(low), x); }

template <Index N, class Op>
SCALELAW_INLINE float fold(const typename VectorOf<N>::Float& x, Op op) {
  if constexpr (N == 2) {
    return op(x[0], x[1]);
  } else {
    typename VectorOf<N / 2>::Float low, high;
    __builtin_memcpy(&low, &x, sizeof(low));
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&x) + sizeof(low), sizeof(high));
    return fold<N / 2>(op(low, high), op);
  }
}
template <Index N>
SCALELAW_INLINE float sum(const typename VectorOf<N>::Float& x) {
  return fold<N>(x, [](auto a, auto b) { return a + b; });
}
SCALELAW_INLINE float sum(const Vector& x) { return sum<W>(x); }
SCALELAW_INLINE float largest(const Vector& x) {
  return fold<W>(x, [](auto a, auto b) { return a > b ? a : b; });
}

/// e^x for |x| <= 87: x = n ln 2 + r, e^r by a polynomial of degree 6 (relative error 2e-7), times 2^n.
SCALELAW_INLINE Vector exp_bounded(Vector x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  const Vector t = x * 1.44269504F + kRound;
  const Vector n = t - kRound;
  const Vector r = x - n * 0.693359375F + n * 2.12194440e-4F;
  Vector p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  return p * reinterpret_cast<Vector>((reinterpret_cast<Lanes>(t) << 23) + 0x3f800000);
}
/// e^max(x, -80) for x <= 80: products with it stay normal numbers.
SCALELAW_INLINE Vector exp_at_most_zero(Vector x) { return exp_bounded(at_least(x, -80.0F)); }

}  // namespace scalelaw::native::SCALELAW_ISA
