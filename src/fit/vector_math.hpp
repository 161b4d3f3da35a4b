#pragma once
// exp and log of several doubles at a time, free of branches, for kernels compiled once per instruction set.
#include <cstdint>
#include <cstring>

namespace scalelaw::inline fit {

/// Vectors of kLanes doubles and the integers of the same size. (GCC 12 drops a vector_size that depends on a template
/// parameter, so each width is written out.)
template <int kLanes>
struct Lanes;
template <>
struct Lanes<4> {
  using Real = double __attribute__((vector_size(32)));
  using Int = std::int64_t __attribute__((vector_size(32)));
  using UInt = std::uint64_t __attribute__((vector_size(32)));
};
template <>
struct Lanes<8> {
  using Real = double __attribute__((vector_size(64)));
  using Int = std::int64_t __attribute__((vector_size(64)));
  using UInt = std::uint64_t __attribute__((vector_size(64)));
};

#define SCALELAW_INLINE inline __attribute__((always_inline))

// Passing these by value is only an ABI matter between separately compiled functions; all users inline. (GCC notes it
// at the end of the file that includes this one, so the setting stays.)
#pragma GCC diagnostic ignored "-Wpsabi"

/// The same bits as another type. std::bit_cast is a function of its own, compiled for the base instruction set: where
/// nothing is inlined, a kernel of another set would take its vector from registers that it does not fill.
template <class To, class From>
[[nodiscard]] SCALELAW_INLINE To bits_as(From x) {
  return __builtin_bit_cast(To, x);
}
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE typename Lanes<kLanes>::Real broadcast(double x) {
  return typename Lanes<kLanes>::Real{} + x;
}
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE typename Lanes<kLanes>::Real magnitude(typename Lanes<kLanes>::Real x) {
  using Int = typename Lanes<kLanes>::Int;
  return bits_as<typename Lanes<kLanes>::Real>(bits_as<Int>(x) & 0x7FFFFFFFFFFFFFFFLL);
}
/// kLanes doubles from memory, however they are aligned.
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE typename Lanes<kLanes>::Real load(const double* p) {
  typename Lanes<kLanes>::Real v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
/// The sum of all places; halves are added until one number is left.
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE double total(typename Lanes<kLanes>::Real v) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) v[k] += v[k + half];
  }
  return v[0];
}
/// low <= x <= high in every place; NaN stays.
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE typename Lanes<kLanes>::Real clamped(typename Lanes<kLanes>::Real x, double low,
                                                                   double high) {
  const auto l = broadcast<kLanes>(low), h = broadcast<kLanes>(high);
  x = x > h ? h : x;
  return x < l ? l : x;
}

/// e^x to about 1 ulp for |x| < 700; arguments beyond are clamped there. x = k ln 2 + r with |r| <= ln 2 / 2, ln 2 in
/// two parts; e^r by its Taylor polynomial of degree 13 (rest below 5e-18).
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE typename Lanes<kLanes>::Real exp_of(typename Lanes<kLanes>::Real x) {
  using Real = typename Lanes<kLanes>::Real;
  using Int = typename Lanes<kLanes>::Int;
  x = clamped<kLanes>(x, -700.0, 700.0);
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer, kept in the low bits
  const Real shifted = x * 1.4426950408889634074 + kRound;
  const Real k = shifted - kRound;
  const Real r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  Real p = broadcast<kLanes>(1.0 / 6227020800.0);
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * (r * r) + r;
  const Real power = bits_as<Real>((bits_as<Int>(shifted) + 1023LL) << 52);
  return p * power + power;
}

/// ln x to about 1 ulp for normal positive x. x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s),
/// s = (m-1)/(m+1), by its series to s^23 (rest below 1e-18).
template <int kLanes>
[[nodiscard]] SCALELAW_INLINE typename Lanes<kLanes>::Real log_of(typename Lanes<kLanes>::Real x) {
  using Real = typename Lanes<kLanes>::Real;
  using Int = typename Lanes<kLanes>::Int;
  using UInt = typename Lanes<kLanes>::UInt;
  const Int bits = bits_as<Int>(x);
  constexpr std::int64_t kRootHalf = 0x3FE6A09E667F3BCDLL, kBias = 1024;
  const Int biased = bits_as<Int>(bits_as<UInt>(bits - kRootHalf + (kBias << 52)) >> 52);  // k + bias, never negative
  const Real m = bits_as<Real>(bits - ((biased - kBias) << 52));
  const Real k = bits_as<Real>(biased | 0x4330000000000000LL) - (0x1p52 + 1024.0);
  const Real f = m - 1.0;
  const Real s = f / (f + 2.0);
  const Real z = s * s;
  Real p = broadcast<kLanes>(2.0 / 23);
  p = p * z + 2.0 / 21;
  p = p * z + 2.0 / 19;
  p = p * z + 2.0 / 17;
  p = p * z + 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  // 2 s = f - s f exactly in real numbers; written so, the leading term f carries no rounding error of the quotient.
  const Real tail = s * (p * z - f) + k * 1.90821492927058770002e-10;
  return k * 6.93147180369123816490e-01 + (f + tail);
}

}  // namespace scalelaw::inline fit
