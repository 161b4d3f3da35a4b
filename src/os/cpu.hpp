#pragma once
// What this processor has beyond the instruction sets that a compiler asks for by itself, how much of it is used, and
// on how many of its cores.
#include <array>
#include <cstdint>
#include <string_view>

namespace scalelaw::inline os {

/// Instruction sets that the project has kernels for; each holds those before it. baseline is what the compiler was
/// told to assume.
enum class InstructionSet { baseline, avx2, avx512, amx };
constexpr std::array<std::string_view, 4> names_of(InstructionSet) { return {"baseline", "avx2", "avx512", "amx"}; }

/// The most that kernels may use, of a value of the environment variable SCALELAW_MAX_ISA: baseline, avx2, avx512 or
/// amx; amx (no limit) where it is null or empty. Errors (config): any other value.
[[nodiscard]] InstructionSet instruction_set_limit(const char* value);

/// Whether kernels for this instruction set may run here: the processor has it and SCALELAW_MAX_ISA, read once a
/// process, allows it. It is a limit only: asking for more than the processor has changes nothing. So every kernel can
/// be tested on a processor that has a better one (docs/PERFORMANCE.md).
/// avx2 comes with FMA and BMI2 (x86-64-v3), avx512 with BW, CD, DQ and VL (x86-64-v4), amx with bf16 products; Linux
/// keeps the state of AMX tiles only for processes that ask, and the first call for amx asks.
[[nodiscard]] bool may_use(InstructionSet set);

/// may_use(InstructionSet::amx)
[[nodiscard]] bool cpu_has_amx_bf16();

/// CPUs that the calling thread, and what it starts, may use: at least 1, and no more than its affinity allows
/// (taskset, a container's cpuset).
[[nodiscard]] std::int64_t usable_cores();

}  // namespace scalelaw::inline os
