// Matrix products from one register-blocked kernel. Included by kernels.cpp only.
#pragma once
#include <utility>

#include "models/native/simd.hpp"

namespace scalelaw::native::SCALELAW_ISA {

// No function of the standard library: an inline one compiled here could be linked into code for lesser processors.
SCALELAW_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }

constexpr Index kPanel = 2 * W;
// Rows of a block whose sums fill the registers: two vectors wide 12 of 16 (24 of 32), one vector wide the same number.
constexpr Index kRows = W == 16 ? 12 : 6;
// Depth of a block: a panel of it stays in the L1 cache.
constexpr Index kDepth = 256;

/// c [R, V vectors] (+)= a [R, depth] b [depth, V vectors]
template <Index R, Index V>
SCALELAW_INLINE void block(Index depth, const float* a, Index a_row, Index a_column, const float* b, Index b_row,
                           float* c, Index ldc, bool add) {
  Vector sums[R][V];
#pragma GCC unroll 32
  for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (Index v = 0; v < V; ++v) sums[r][v] = Vector{};
  }
  if (add) {
#pragma GCC unroll 32
    for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 2
      for (Index v = 0; v < V; ++v) __builtin_prefetch(c + r * ldc + v * W, 1);
    }
  }
  for (Index k = 0; k < depth; ++k, a += a_column, b += b_row) {
    Vector row[V];
#pragma GCC unroll 2
    for (Index v = 0; v < V; ++v) row[v] = load(b + v * W);
#pragma GCC unroll 32
    for (Index r = 0; r < R; ++r) {
      const Vector x = splat(a[r * a_row]);
#pragma GCC unroll 2
      for (Index v = 0; v < V; ++v) sums[r][v] += x * row[v];
    }
  }
#pragma GCC unroll 32
  for (Index r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (Index v = 0; v < V; ++v) {
      float* to = c + r * ldc + v * W;
      store(to, add ? load(to) + sums[r][v] : sums[r][v]);
    }
  }
}

using Block = void (*)(Index depth, const float* a, Index a_row, Index a_column, const float* b, Index b_row, float* c,
                       Index ldc, bool add);
template <Index R, Index V>
void block_function(Index depth, const float* a, Index a_row, Index a_column, const float* b, Index b_row, float* c,
                    Index ldc, bool add) {
  if (a_column == 1) return block<R, V>(depth, a, a_row, 1, b, b_row, c, ldc, add);
  block<R, V>(depth, a, a_row, a_column, b, b_row, c, ldc, add);
}
template <Index V, class Rows>
struct Blocks;
template <Index V, Index... R>
struct Blocks<V, std::integer_sequence<Index, R...>> {
  static constexpr Block by_rows[] = {block_function<R + 1, V>...};  // [rows - 1]
};
using Wide = Blocks<2, std::make_integer_sequence<Index, kRows>>;
using Narrow = Blocks<1, std::make_integer_sequence<Index, 2 * kRows>>;

/// Rows of the next block when `left` are left: full blocks, then two nearly equal ones instead of a full and a tiny
/// one.
SCALELAW_INLINE Index next_rows(Index left, Index most) {
  if (left <= most) return left;
  return left >= 2 * most ? most : (left + 1) / 2;
}

/// A column block of at most one panel.
SCALELAW_INLINE void column(Index m, Index n, Index k, const Left& a, const float* b, Index b_row, float* c, Index ldc,
                            bool add) {
  const bool wide = n > W;
  const bool whole = n % W == 0;
  const Index most = wide ? kRows : 2 * kRows;
  for (Index i = 0; i < m;) {
    const Index rows = next_rows(m - i, most);
    const Block f = wide ? Wide::by_rows[rows - 1] : Narrow::by_rows[rows - 1];
    if (whole) {
      f(k, a.data + i * a.row, a.row, a.column, b, b_row, c + i * ldc, ldc, add);
    } else {
      float tile[2 * kRows * kPanel];
      f(k, a.data + i * a.row, a.row, a.column, b, b_row, tile, kPanel, false);
      for (Index r = 0; r < rows; ++r) {
        float* to = c + (i + r) * ldc;
        for (Index j = 0; j < n; ++j) to[j] = add ? to[j] + tile[r * kPanel + j] : tile[r * kPanel + j];
      }
    }
    i += rows;
  }
}

/// Copies a block of a transposed left operand, `depth` steps of `rows` neighbours, next to each other.
SCALELAW_INLINE void gather_rows(const float* a, Index a_column, Index rows, Index depth, float* to) {
  for (Index k = 0; k < depth; ++k, a += a_column, to += rows) {
    // Whole vectors: what is too much is overwritten by the next step, or lies in the slack of both buffers.
    for (Index r = 0; r < rows; r += W) store(to + r, load(a + r));
  }
}

SCALELAW_INLINE void product(Index m, Index n, Index k, const Left& a, const Right& b, float* c, Index ldc, bool add) {
  for (Index k0 = 0; k0 < k || k0 == 0; k0 += kDepth) {
    const Index depth = smaller(kDepth, k - k0);
    const Left a0{a.data + k0 * a.column, a.row, a.column};
    for (Index j = 0; j < n; j += kPanel) {
      column(m, smaller(kPanel, n - j), depth, a0, b.data + j / kPanel * b.panel + k0 * b.row, b.row, c + j, ldc,
             add || k0 > 0);
    }
  }
}

/// The same for large a = x^T, as in dW = x^T dy: many rows of x and dy lie in many pages, so both are copied to where
/// the processor need not look up so many of them (measured: 5 to 10 % from 128 columns on, a loss below).
void product_copied(Index m, Index n, Index k, const Left& a, const Right& b, float* c, Index ldc, bool add) {
  constexpr Index kSlab = 16 * kRows;
  float left[kSlab * kDepth + kSlack], right[kDepth * kPanel];
  for (Index k0 = 0; k0 < k; k0 += kDepth) {
    const Index depth = smaller(kDepth, k - k0);
    for (Index i0 = 0; i0 < m; i0 += kSlab) {
      const Index slab = smaller(kSlab, m - i0);
      for (Index i = 0; i < slab;) {
        const Index rows = next_rows(slab - i, kRows);
        gather_rows(a.data + i0 + i + k0 * a.column, a.column, rows, depth, left + i * depth);
        i += rows;
      }
      for (Index j = 0; j < n; j += kPanel) {
        const Index cols = smaller(kPanel, n - j);
        const float* from = b.data + j / kPanel * b.panel + k0 * b.row;
        for (Index d = 0; d < depth; ++d) {
          store(right + d * kPanel, load(from + d * b.row));
          store(right + d * kPanel + W, load(from + d * b.row + W));
        }
        for (Index i = 0; i < slab;) {
          const Index rows = next_rows(slab - i, kRows);
          column(rows, cols, depth, {left + i * depth, 1, rows}, right, kPanel, c + (i0 + i) * ldc + j, ldc,
                 add || k0 > 0);
          i += rows;
        }
      }
    }
  }
}

void product_kernel(Index m, Index n, Index k, const Left& a, const Right& b, float* c, Index ldc, bool add) {
  constexpr Index kLarge = 128;
  if (a.row == 1 && m >= kLarge && n >= kLarge) return product_copied(m, n, k, a, b, c, ldc, add);
  product(m, n, k, a, b, c, ldc, add);
}

/// to [cols, rows] = scale * from [rows, cols]^T
SCALELAW_INLINE void transpose(const float* from, Index ld_from, float* to, Index ld_to, Index rows, Index cols,
                               float scale) {
  const auto four = [](const float* p) { return *reinterpret_cast<const Four*>(p); };
  Index i = 0;
  for (; i + 4 <= rows; i += 4) {
    Index j = 0;
    for (; j + 4 <= cols; j += 4) {
      const float* p = from + i * ld_from + j;
      const Four a = four(p) * scale, b = four(p + ld_from) * scale;
      const Four c = four(p + 2 * ld_from) * scale, d = four(p + 3 * ld_from) * scale;
      const Four ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Four cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      float* q = to + j * ld_to + i;
      *reinterpret_cast<Four*>(q) = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
      *reinterpret_cast<Four*>(q + ld_to) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
      *reinterpret_cast<Four*>(q + 2 * ld_to) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
      *reinterpret_cast<Four*>(q + 3 * ld_to) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
    }
    for (; j < cols; ++j) {
      for (Index r = i; r < i + 4; ++r) to[j * ld_to + r] = scale * from[r * ld_from + j];
    }
  }
  for (; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) to[j * ld_to + i] = scale * from[i * ld_from + j];
  }
}

void pack(const float* w, Index rows, Index cols, float* packed) {
  for (Index j = 0; j < cols; j += kPanel, packed += rows * kPanel) {
    const Index n = smaller(kPanel, cols - j);
    if (n == kPanel) {
      for (Index k = 0; k < rows; ++k) {
        store(packed + k * kPanel, load(w + k * cols + j));
        store(packed + k * kPanel + W, load(w + k * cols + j + W));
      }
    } else {
      for (Index k = 0; k < rows; ++k) {
        for (Index i = 0; i < kPanel; ++i) packed[k * kPanel + i] = i < n ? w[k * cols + j + i] : 0.0F;
      }
    }
  }
}

void pack_transposed(const float* w, Index rows, Index cols, float* packed) {
  for (Index j = 0; j < rows; j += kPanel, packed += cols * kPanel) {
    const Index n = smaller(kPanel, rows - j);
    if (n < kPanel) __builtin_memset(packed, 0, static_cast<std::size_t>(cols * kPanel) * sizeof(float));
    transpose(w + j * cols, cols, packed, kPanel, n, cols, 1.0F);
  }
}

}  // namespace scalelaw::native::SCALELAW_ISA
