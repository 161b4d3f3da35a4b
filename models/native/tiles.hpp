// Tiles of AMX (Intel 64 Architectures Software Developer's Manual, volume 1, chapter 18): 16 rows of 64 bytes, which
// are 16 floats or 32 bf16. Included by gemm_bf16.cpp only. With SCALELAW_EMULATED_TILES everything is done by plain
// loops, so that the products built on it can be tested on processors without AMX.
#pragma once
#include <cstdint>

#include "models/native/kernels.hpp"

#if !defined(SCALELAW_EMULATED_TILES)
#include <immintrin.h>
#endif

namespace scalelaw::native::SCALELAW_TILES {

#define SCALELAW_INLINE inline __attribute__((always_inline))

using Bf16 = std::uint16_t;
/// Tiles are stored one after another, row by row: as the left operand of a product row i holds (i, 0..31), as the
/// right one row p holds the pairs (2 p, j), (2 p + 1, j) for j = 0..15.
constexpr Index kTileRows = 16, kTileDepth = 32, kTileSize = kTileRows * kTileDepth;

using Sixteen __attribute__((vector_size(64), aligned(4), may_alias)) = float;
using Pairs __attribute__((vector_size(64), may_alias)) = std::uint32_t;  // 16 of bf16, the first in the low half
using Halves __attribute__((vector_size(64), may_alias)) = Bf16;          // the same as 32

#if !defined(SCALELAW_EMULATED_TILES)

/// Every tile 16 x 64 bytes, for the calling thread until release_tiles.
inline void configure_tiles() {
  struct alignas(64) Configuration {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static const Configuration configuration;  // a local one might never be written: g++ 12 says that 8 bytes are read
  _tile_loadconfig(&configuration);
}
inline void release_tiles() { _tile_release(); }

// Tile loads do not tell the compiler that they read memory, so it must be made to finish its stores before them.
SCALELAW_INLINE void finish_stores() { asm volatile("" ::: "memory"); }

// Tiles 0 to 3 are the sums of 32 x 32 floats, 4 and 5 left operands, 6 and 7 right ones.
SCALELAW_INLINE void zero_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
SCALELAW_INLINE void load_sums(const float* c, Index ldc) {
  finish_stores();
  const Index bytes = ldc * static_cast<Index>(sizeof(float));
  _tile_loadd(0, c, bytes);
  _tile_loadd(1, c + 16, bytes);
  _tile_loadd(2, c + 16 * ldc, bytes);
  _tile_loadd(3, c + 16 * ldc + 16, bytes);
}
SCALELAW_INLINE void store_sums(float* c, Index ldc) {
  const Index bytes = ldc * static_cast<Index>(sizeof(float));
  _tile_stored(0, c, bytes);
  _tile_stored(1, c + 16, bytes);
  _tile_stored(2, c + 16 * ldc, bytes);
  _tile_stored(3, c + 16 * ldc + 16, bytes);
}
/// sums += [upper; lower] [first, second]
SCALELAW_INLINE void multiply_add(const Bf16* upper, const Bf16* lower, const Bf16* first, const Bf16* second) {
  _tile_loadd(4, upper, 64);
  _tile_loadd(6, first, 64);
  _tile_loadd(7, second, 64);
  _tile_loadd(5, lower, 64);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

/// Rounded to nearest, ties to even; denormals become zero.
SCALELAW_INLINE Halves to_bf16(Sixteen first, Sixteen second) {
  return reinterpret_cast<Halves>(
      _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(second), reinterpret_cast<__m512>(first)));
}

#else

inline thread_local float sums[4][16][16];
inline thread_local bool configured = false;

inline void configure_tiles() { configured = true; }
inline void release_tiles() { configured = false; }
inline void finish_stores() {}

inline float to_float(Bf16 x) {
  const std::uint32_t bits = static_cast<std::uint32_t>(x) << 16;
  float value = 0;
  __builtin_memcpy(&value, &bits, sizeof(value));
  return value;
}
inline Bf16 to_bf16(float x) {
  std::uint32_t bits = 0;
  __builtin_memcpy(&bits, &x, sizeof(bits));
  if ((bits & 0x7f800000U) == 0) return static_cast<Bf16>((bits & 0x80000000U) >> 16);     // zero, denormal
  if ((bits & 0x7fffffffU) > 0x7f800000U) return static_cast<Bf16>((bits >> 16) | 0x40U);  // NaN, quiet
  return static_cast<Bf16>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}
inline Halves to_bf16(Sixteen first, Sixteen second) {
  Halves result{};
  for (int i = 0; i < 16; ++i) {
    result[i] = to_bf16(first[i]);
    result[16 + i] = to_bf16(second[i]);
  }
  return result;
}

inline void zero_sums() { __builtin_memset(sums, 0, sizeof(sums)); }
inline void load_sums(const float* c, Index ldc) {
  for (Index i = 0; i < 32; ++i) {
    for (Index j = 0; j < 32; ++j) sums[i / 16 * 2 + j / 16][i % 16][j % 16] = c[i * ldc + j];
  }
}
inline void store_sums(float* c, Index ldc) {
  for (Index i = 0; i < 32; ++i) {
    for (Index j = 0; j < 32; ++j) c[i * ldc + j] = sums[i / 16 * 2 + j / 16][i % 16][j % 16];
  }
}
/// The order of TDPBF16PS in the manual (volume 2): even and odd elements of the depth apart, added at the end. Without
/// a configuration the instruction faults; here it changes nothing, which no test of a product can miss.
inline void multiply_tiles(float (&sum)[16][16], const Bf16* left, const Bf16* right) {
  if (!configured) return;
  float factors[2][16][16];
  for (Index p = 0; p < 16; ++p) {
    for (Index j = 0; j < 16; ++j) {
      for (Index odd = 0; odd < 2; ++odd) factors[odd][p][j] = to_float(right[p * kTileDepth + 2 * j + odd]);
    }
  }
  for (Index i = 0; i < 16; ++i) {
    float even[16] = {}, odd[16] = {};
    for (Index p = 0; p < 16; ++p) {
      const float x = to_float(left[i * kTileDepth + 2 * p]), y = to_float(left[i * kTileDepth + 2 * p + 1]);
      for (Index j = 0; j < 16; ++j) even[j] += x * factors[0][p][j];
      for (Index j = 0; j < 16; ++j) odd[j] += y * factors[1][p][j];
    }
    for (Index j = 0; j < 16; ++j) sum[i][j] += even[j] + odd[j];
  }
}
inline void multiply_add(const Bf16* upper, const Bf16* lower, const Bf16* first, const Bf16* second) {
  multiply_tiles(sums[0], upper, first);
  multiply_tiles(sums[1], upper, second);
  multiply_tiles(sums[2], lower, first);
  multiply_tiles(sums[3], lower, second);
}

#endif

/// Pairs (first[j], second[j]).
SCALELAW_INLINE Pairs interleaved(Sixteen first, Sixteen second) {
  const Halves both = to_bf16(first, second);
  return reinterpret_cast<Pairs>(__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7,
                                                         23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                                                         31));
}

/// Transposes 16 x 16 pairs: blocks of 1, 2, 4 and 8 off the diagonal change places.
SCALELAW_INLINE void transpose_pairs(Pairs (&row)[16]) {
  const auto exchange = [&](int distance, auto low, auto high) {
    for (int i = 0; i < 16; ++i) {
      if ((i & distance) != 0) continue;
      const Pairs a = row[i], b = row[i + distance];
      row[i] = low(a, b);
      row[i + distance] = high(a, b);
    }
  };
  exchange(
      8,
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
      },
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
      });
  exchange(
      4,
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
      },
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
      });
  exchange(
      2,
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
      },
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
      });
  exchange(
      1,
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
      },
      [](Pairs a, Pairs b) {
        return __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
      });
}

}  // namespace scalelaw::native::SCALELAW_TILES
