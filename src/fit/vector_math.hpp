#pragma once
// exp and log of four doubles at a time, free of branches, for kernels compiled once per instruction set.
#include <bit>
#include <cstdint>

namespace scalelaw {

using Double4 = double __attribute__((vector_size(32)));
using Int4 = std::int64_t __attribute__((vector_size(32)));
using UInt4 = std::uint64_t __attribute__((vector_size(32)));

#define SCALELAW_INLINE inline __attribute__((always_inline))

// Passing these by value is only an ABI matter between separately compiled functions; all users inline. (GCC notes it
// at the end of the file that includes this one, so the setting stays.)
#pragma GCC diagnostic ignored "-Wpsabi"

[[nodiscard]] SCALELAW_INLINE Double4 broadcast4(double x) { return Double4{x, x, x, x}; }
[[nodiscard]] SCALELAW_INLINE Double4 select4(Int4 mask, Double4 yes, Double4 no) {
  return std::bit_cast<Double4>((mask & std::bit_cast<Int4>(yes)) | (~mask & std::bit_cast<Int4>(no)));
}
[[nodiscard]] SCALELAW_INLINE Double4 abs4(Double4 x) {
  return std::bit_cast<Double4>(std::bit_cast<Int4>(x) & 0x7FFFFFFFFFFFFFFFLL);
}

/// e^x to about 1 ulp for |x| < 700; arguments beyond are clamped there. x = k ln 2 + r with |r| <= ln 2 / 2, ln 2 in
/// two parts; e^r by its Taylor polynomial of degree 13 (rest below 5e-18).
[[nodiscard]] SCALELAW_INLINE Double4 exp4(Double4 x) {
  x = select4(x > broadcast4(700.0), broadcast4(700.0), x);
  x = select4(x < broadcast4(-700.0), broadcast4(-700.0), x);
  constexpr double kRound = 0x1.8p52;  // adding it rounds to an integer, kept in the low bits
  const Double4 shifted = x * 1.4426950408889634074 + kRound;
  const Double4 k = shifted - kRound;
  const Double4 r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  Double4 p = broadcast4(1.0 / 6227020800.0);
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
  const Double4 power = std::bit_cast<Double4>((std::bit_cast<Int4>(shifted) + 1023LL) << 52);
  return p * power + power;
}

/// ln x to about 1 ulp for normal positive x. x = 2^k m with m in [sqrt(1/2), sqrt(2)); ln m = 2 artanh(s), s =
/// (m-1)/(m+1), by its series to s^23 (rest below 1e-18).
[[nodiscard]] SCALELAW_INLINE Double4 log4(Double4 x) {
  const Int4 bits = std::bit_cast<Int4>(x);
  constexpr std::int64_t kRootHalf = 0x3FE6A09E667F3BCDLL, kBias = 1024;
  const Int4 biased =
      std::bit_cast<Int4>(std::bit_cast<UInt4>(bits - kRootHalf + (kBias << 52)) >> 52);  // k + bias, never negative
  const Double4 m = std::bit_cast<Double4>(bits - ((biased - kBias) << 52));
  const Double4 k = std::bit_cast<Double4>(biased | 0x4330000000000000LL) - (0x1p52 + 1024.0);
  const Double4 f = m - 1.0;
  const Double4 s = f / (f + 2.0);
  const Double4 z = s * s;
  Double4 p = broadcast4(2.0 / 23);
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
  const Double4 tail = s * (p * z - f) + k * 1.90821492927058770002e-10;
  return k * 6.93147180369123816490e-01 + (f + tail);
}

}  // namespace scalelaw
