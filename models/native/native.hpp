#pragma once
// The step of the decoder on a CPU, without LibTorch: the losses and gradients of make_torch_engine, several times
// faster for small shapes. One thread; members one after another, since stacking them gains nothing on a CPU.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "models/engine.hpp"
#include "os/cpu.hpp"
#include "records/native_buffers.hpp"

namespace scalelaw::native {
struct Kernels;
}

namespace scalelaw::inline models {

/// Why the native engine cannot take this shape (native_limits), as one line; empty where it can. Every width (d_model,
/// d_ff) is possible; those that are multiples of 16 are fastest.
[[nodiscard]] std::string native_refusal(const ModelSpec& model);

/// What this processor can run in that precision, best first: avx512, avx2, baseline in fp32, amx in bf16.
[[nodiscard]] std::vector<InstructionSet> native_instruction_sets(Precision precision = Precision::fp32);
/// The best of them; none in bf16 without AMX.
[[nodiscard]] std::optional<InstructionSet> best_instruction_set(Precision precision);
/// Those among `available` for that instruction set. Errors (device): there are none.
[[nodiscard]] const native::Kernels& kernels_for(InstructionSet instruction_set,
                                                 std::span<const native::Kernels* const> available);
/// Errors: device: not available here; config: it computes in another precision.
void check_native_instruction_set(InstructionSet instruction_set, Precision precision);

/// @param buffers in host memory, of `layout.params` floats a member; @param instruction_set none for the best in
/// fp32. The engine is named "native avx2"; batches are in host memory too. Results depend on the instruction set, on
/// nothing else. Denormal numbers count as zero inside a step; the caller's setting comes back after it. Errors:
/// config: a shape of native_refusal; device: an instruction set that is not available; std::logic_error from a step: a
/// token outside the vocabulary.
[[nodiscard]] Engine make_native_engine(const Layout& layout, const EngineBuffers& buffers,
                                        std::optional<InstructionSet> instruction_set = {});

}  // namespace scalelaw::inline models
