// One copy of the kernels: compiled once per instruction set, with SCALELAW_ISA naming it (CMakeLists.txt).
#include "models/native/kernels.hpp"

#include "models/native/attention.hpp"
#include "models/native/gemm.hpp"
#include "models/native/pointwise.hpp"

#define SCALELAW_TEXT_OF(x) #x
#define SCALELAW_TEXT(x) SCALELAW_TEXT_OF(x)

namespace scalelaw::native::SCALELAW_ISA {

extern const Kernels kernels;
const Kernels kernels{
    .name = SCALELAW_TEXT(SCALELAW_ISA),
    .bf16 = false,
    .lanes = W,
    .panel_width = kPanel,
    .depth_unit = 1,
    .element_bytes = sizeof(float),
    .begin = [] {},
    .end = [] {},
    .pack = pack,
    .pack_transposed = pack_transposed,
    .product = product_kernel,
    .norm = norm,
    .norm_backward = norm_backward,
    .rotate_qk = rotate_qk,
    .rotate_qk_backward = rotate_qk_backward,
    .attention = attention,
    .attention_backward = attention_backward,
    .gelu = gelu,
    .multiply = multiply,
    .cross_entropy = cross_entropy,
    .gather = gather,
    .scatter_add = scatter_add,
};

}  // namespace scalelaw::native::SCALELAW_ISA
