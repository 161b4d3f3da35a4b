#include <vector>

#include "models/native/gemm_bf16.hpp"
#include "os/cpu.hpp"

namespace scalelaw::native {

#if defined(__x86_64__)
namespace avx512 {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
#endif
namespace baseline {
extern const Kernels kernels;
}

std::span<const Kernels* const> available_kernels() {
  static const std::vector<const Kernels*> found = [] {
    std::vector<const Kernels*> list;
#if defined(__x86_64__)
    if (may_use(InstructionSet::amx)) {
      static const Kernels tiles = amx::with_bf16_products(avx512::kernels);
      list.push_back(&tiles);
    }
    if (may_use(InstructionSet::avx512)) list.push_back(&avx512::kernels);
    if (may_use(InstructionSet::avx2)) list.push_back(&avx2::kernels);
#endif
    list.push_back(&baseline::kernels);
    return list;
  }();
  return found;
}

}  // namespace scalelaw::native
