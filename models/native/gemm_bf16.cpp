// Matrix products with factors rounded to bf16 and sums in fp32, on the tiles of AMX. Compiled with SCALELAW_TILES
// naming its namespace: "amx", or "emulated" in tests. Nothing of the standard library, as in gemm.hpp.
#include "models/native/gemm_bf16.hpp"

#include "models/native/tiles.hpp"

namespace scalelaw::native::SCALELAW_TILES {
namespace {

constexpr Index kBlock = 32;  // rows and columns of one block of sums, two tiles each way
// A column block of the right operand of this depth (32 KiB) stays in the L1 cache; the left block and a right operand
// that is converted here (128 and 512 KiB) stay in the L2 cache.
constexpr Index kDepth = 512, kRows = 128, kRightSize = 512 * kDepth;

struct Scratch {
  alignas(64) Bf16 left[kRows * kDepth];
  alignas(64) Bf16 right[kRightSize];
};
thread_local Scratch scratch;

SCALELAW_INLINE Index smaller(Index a, Index b) { return a < b ? a : b; }
SCALELAW_INLINE Index rounded_up(Index n, Index unit) { return (n + unit - 1) / unit * unit; }
SCALELAW_INLINE Sixteen sixteen(const float* p) { return *reinterpret_cast<const Sixteen*>(p); }

/// The real part of a matrix that ends within a tile, zeros around it. [R, C]
template <Index R, Index C>
struct Edge {
  alignas(64) float values[R * C] = {};
  Edge(const float* from, Index ld, Index rows, Index cols) {
    for (Index i = 0; i < smaller(R, rows); ++i) {
      for (Index j = 0; j < smaller(C, cols); ++j) values[i * C + j] = from[i * ld + j];
    }
  }
};

/// Pair p of tile row i: elements (i, 2 p), (i, 2 p + 1) of a matrix [16, 32].
SCALELAW_INLINE void pairs_along_rows(const float* from, Index ld, Pairs (&tile)[16]) {
  for (Index i = 0; i < 16; ++i) {
    tile[i] = reinterpret_cast<Pairs>(to_bf16(sixteen(from + i * ld), sixteen(from + i * ld + 16)));
  }
}
/// The same of a matrix [rows, depth]: its first 16 x 32 elements, zeros where it has fewer.
SCALELAW_INLINE void pairs_along_rows(const float* from, Index ld, Index rows, Index depth, Pairs (&tile)[16]) {
  if (rows >= kTileRows && depth >= kTileDepth) return pairs_along_rows(from, ld, tile);
  const Edge<kTileRows, kTileDepth> edge(from, ld, rows, depth);
  pairs_along_rows(edge.values, kTileDepth, tile);
}
/// Pair j of tile row p: elements (2 p, j), (2 p + 1, j) of a matrix [32, 16].
SCALELAW_INLINE void pairs_along_columns(const float* from, Index ld, Pairs (&tile)[16]) {
  for (Index p = 0; p < 16; ++p) {
    tile[p] = interleaved(sixteen(from + 2 * p * ld), sixteen(from + (2 * p + 1) * ld));
  }
}
/// The same of a matrix [depth, cols]: its first 32 x 16 elements, zeros where it has fewer.
SCALELAW_INLINE void pairs_along_columns(const float* from, Index ld, Index depth, Index cols, Pairs (&tile)[16]) {
  if (depth >= kTileDepth && cols >= kTileRows) return pairs_along_columns(from, ld, tile);
  const Edge<kTileDepth, kTileRows> edge(from, ld, depth, cols);
  pairs_along_columns(edge.values, kTileRows, tile);
}
SCALELAW_INLINE void keep(const Pairs (&tile)[16], Bf16* to) {
  using Anywhere __attribute__((vector_size(64), aligned(4), may_alias)) = std::uint32_t;
  for (Index i = 0; i < 16; ++i) reinterpret_cast<Anywhere*>(to)[i] = tile[i];
}

/// b [depth, cols], columns in pairs of 16, each over the whole depth: [cols / 16][depth / 32] tiles.
void make_right(const float* b, Index ld, Index depth, Index cols, Bf16* to) {
  for (Index j = 0; j < rounded_up(cols, kBlock); j += kTileRows) {
    for (Index k = 0; k < depth; k += kTileDepth, to += kTileSize) {
      Pairs tile[16];
      pairs_along_columns(b + k * ld + j, ld, depth - k, cols - j, tile);
      keep(tile, to);
    }
  }
}
/// The same of the transpose of w [cols, depth].
void make_right_transposed(const float* w, Index ld, Index depth, Index cols, Bf16* to) {
  for (Index j = 0; j < rounded_up(cols, kBlock); j += kTileRows) {
    for (Index k = 0; k < depth; k += kTileDepth, to += kTileSize) {
      Pairs tile[16];
      pairs_along_rows(w + j * ld + k, ld, cols - j, depth - k, tile);
      transpose_pairs(tile);
      keep(tile, to);
    }
  }
}
/// a [rows, depth]: [rows / 16][depth / 32] tiles.
void make_left(const Left& a, Index rows, Index depth, Bf16* to) {
  for (Index i = 0; i < rounded_up(rows, kBlock); i += kTileRows) {
    for (Index k = 0; k < depth; k += kTileDepth, to += kTileSize) {
      Pairs tile[16];
      const float* from = a.data + i * a.row + k * a.column;
      if (a.column == 1) {
        pairs_along_rows(from, a.row, rows - i, depth - k, tile);
      } else {
        pairs_along_columns(from, a.column, depth - k, rows - i, tile);
        transpose_pairs(tile);
      }
      keep(tile, to);
    }
  }
}

/// c [32, 32] (+)= left [32, depth] right [depth, 32]; two rows and two columns of tiles, `row` and `column` apart.
SCALELAW_INLINE void block(Index tiles, const Bf16* left, Index row, const Bf16* right, Index column, float* c,
                           Index ldc, bool add) {
  if (add) {
    load_sums(c, ldc);
  } else {
    zero_sums();
  }
  for (Index t = 0; t < tiles; ++t, left += kTileSize, right += kTileSize) {
    multiply_add(left, left + row, right, right + column);
  }
  store_sums(c, ldc);
}
/// A block of which only rows x cols are part of c.
void edge_block(Index tiles, const Bf16* left, Index row, const Bf16* right, Index column, float* c, Index ldc,
                Index rows, Index cols, bool add) {
  alignas(64) float values[kBlock * kBlock];
  block(tiles, left, row, right, column, values, kBlock, false);
  for (Index i = 0; i < smaller(rows, kBlock); ++i) {
    for (Index j = 0; j < smaller(cols, kBlock); ++j) {
      float& to = c[i * ldc + j];
      to = add ? to + values[i * kBlock + j] : values[i * kBlock + j];
    }
  }
}

/// c [m, n] (+)= a [m, depth] right: `column` is the distance of its columns of tiles.
void multiply(Index m, Index n, Index depth, const Left& a, const Bf16* right, Index column, float* c, Index ldc,
              bool add) {
  const Index tiles = (depth + kTileDepth - 1) / kTileDepth, row = tiles * kTileSize;
  for (Index i0 = 0; i0 < m; i0 += kRows) {
    const Index rows = smaller(kRows, m - i0);
    make_left({a.data + i0 * a.row, a.row, a.column}, rows, depth, scratch.left);
    finish_stores();
    for (Index j = 0; j < n; j += kBlock) {
      const Bf16* b = right + j / kTileRows * column;
      for (Index i = 0; i < rows; i += kBlock) {
        const Bf16* l = scratch.left + i / kTileRows * row;
        float* to = c + (i0 + i) * ldc + j;
        if (rows - i >= kBlock && n - j >= kBlock) {
          block(tiles, l, row, b, column, to, ldc, add);
        } else {
          edge_block(tiles, l, row, b, column, to, ldc, rows - i, n - j, add);
        }
      }
    }
  }
}

void pack(const float* w, Index rows, Index cols, float* packed) {
  make_right(w, cols, rows, cols, reinterpret_cast<Bf16*>(packed));
}
void pack_transposed(const float* w, Index rows, Index cols, float* packed) {
  make_right_transposed(w, cols, cols, rows, reinterpret_cast<Bf16*>(packed));
}

void product(Index m, Index n, Index k, const Left& a, const Right& b, float* c, Index ldc, bool add) {
  const Index all_tiles = (k + kTileDepth - 1) / kTileDepth;
  for (Index k0 = 0; k0 < k; k0 += kDepth) {
    const Index depth = smaller(kDepth, k - k0), tiles = (depth + kTileDepth - 1) / kTileDepth;
    const Left a0{a.data + k0 * a.column, a.row, a.column};
    const bool sum = add || k0 > 0;
    if (b.packed) {
      const Bf16* right = reinterpret_cast<const Bf16*>(b.data) + k0 / kTileDepth * kTileSize;
      multiply(m, n, depth, a0, right, all_tiles * kTileSize, c, ldc, sum);
      continue;
    }
    const Index most = kRightSize / (tiles * kTileDepth) / kBlock * kBlock;  // columns that fit
    for (Index j = 0; j < n; j += most) {
      const Index cols = smaller(most, n - j);
      make_right(b.data + k0 * b.row + j, b.row, depth, cols, scratch.right);
      multiply(m, cols, depth, a0, scratch.right, tiles * kTileSize, c + j, ldc, sum);
    }
  }
}

}  // namespace

Kernels with_bf16_products(const Kernels& kernels) {
  Kernels result = kernels;
  result.name = "amx";
  result.bf16 = true;
  result.panel_width = kBlock;
  result.depth_unit = kTileDepth;
  result.element_bytes = sizeof(Bf16);
  result.begin = configure_tiles;
  result.end = release_tiles;
  result.pack = pack;
  result.pack_transposed = pack_transposed;
  result.product = product;
  return result;
}

}  // namespace scalelaw::native::SCALELAW_TILES
