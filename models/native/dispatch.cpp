#include <vector>

#include "core/cpu.hpp"
#include "models/native/gemm_bf16.hpp"

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
    // All of x86-64-v4, so that the compiler may use any of it.
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      if (cpu_has_amx_bf16()) {
        static const Kernels tiles = amx::with_bf16_products(avx512::kernels);
        list.push_back(&tiles);
      }
      list.push_back(&avx512::kernels);
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) {
      list.push_back(&avx2::kernels);
    }
#endif
    list.push_back(&baseline::kernels);
    return list;
  }();
  return found;
}

}  // namespace scalelaw::native
