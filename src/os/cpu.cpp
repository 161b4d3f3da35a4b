#include "os/cpu.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "os/error.hpp"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace scalelaw::inline os {
namespace {

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

/// All of x86-64-v4, so that a compiler may use any of it.
bool has_avx512() {
#if defined(__x86_64__)
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

#if defined(__x86_64__) && defined(__linux__)
/// By CPUID, for not every compiler's __builtin_cpu_supports knows the names.
bool has_amx_instructions() {
  constexpr unsigned kBf16 = 1U << 22U, kTile = 1U << 24U;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kBf16) != 0 && (d & kTile) != 0;
}
#endif

bool has_amx_bf16() {
#if defined(__x86_64__) && defined(__linux__)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA of Linux
  return has_avx512() && __builtin_cpu_supports("avx512bf16") && has_amx_instructions() &&
         ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace

InstructionSet instruction_set_limit(const char* value) {
  const std::string_view name = value == nullptr ? "" : value;
  if (name.empty()) return InstructionSet::amx;
  constexpr auto kNames = names_of(InstructionSet{});
  const auto* const found = std::ranges::find(kNames, name);
  if (found == kNames.end()) {
    fail_config("SCALELAW_MAX_ISA is '{}'; allowed: baseline, avx2, avx512, amx, or unset it", name);
  }
  return static_cast<InstructionSet>(found - kNames.begin());
}

bool may_use(InstructionSet set) {
  static const InstructionSet limit = instruction_set_limit(std::getenv("SCALELAW_MAX_ISA"));
  if (set > limit) return false;
  switch (set) {
    case InstructionSet::baseline:
      return true;
    case InstructionSet::avx2:
      return has_avx2();
    case InstructionSet::avx512:
      return has_avx512();
    case InstructionSet::amx: {
      static const bool granted = has_amx_bf16();
      return granted;
    }
  }
  return false;
}

bool cpu_has_amx_bf16() { return may_use(InstructionSet::amx); }

std::int64_t usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace scalelaw::inline os
