#include <algorithm>

#include "bench/train_bench.hpp"

#if defined(__x86_64__)
#define SCALELAW_FMA(n) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #n "\n"
#define SCALELAW_WIDE_FMA(n) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #n "\n"
#define SCALELAW_ZERO(n) "vxorps %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n"
#define SCALELAW_TWELVE(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define SCALELAW_REGISTERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15"
#endif

namespace scalelaw::bench {

#if defined(__x86_64__)
double peak_gflops(bool avx512) {
  constexpr int kRepeats = 20000;
  double best = 0;
  for (int round = 0; round < 20; ++round) {
    asm volatile(SCALELAW_TWELVE(SCALELAW_ZERO) SCALELAW_ZERO(14) SCALELAW_ZERO(15)::: SCALELAW_REGISTERS);
    const auto start = Clock::now();
    for (int i = 0; i < kRepeats; ++i) {
      if (avx512) {
        asm volatile(SCALELAW_TWELVE(SCALELAW_WIDE_FMA)::: SCALELAW_REGISTERS);
      } else {
        asm volatile(SCALELAW_TWELVE(SCALELAW_FMA)::: SCALELAW_REGISTERS);
      }
    }
    best = std::max(best, kRepeats * 12.0 * (avx512 ? 32 : 16) / since(start) / 1e9);
  }
  return best;
}
#else
double peak_gflops(bool) { return 0; }
#endif

}  // namespace scalelaw::bench
