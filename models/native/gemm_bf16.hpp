#pragma once
// Products in bf16 on tiles: gemm_bf16.cpp, compiled for AMX and, for tests, with emulated tiles.
#include "models/native/kernels.hpp"

namespace scalelaw::native {

namespace amx {
/// The kernels given, but with factors of products (not of attention) rounded to bf16, and sums in fp32. `begin` sets
/// up the tiles of the calling thread, `end` gives them back.
[[nodiscard]] Kernels with_bf16_products(const Kernels& kernels);
}  // namespace amx
namespace emulated {
[[nodiscard]] Kernels with_bf16_products(const Kernels& kernels);
}  // namespace emulated

}  // namespace scalelaw::native
