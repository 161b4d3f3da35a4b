#pragma once
// Where and how a study asks for its training to be done: what its config, its jobs and the trainer call by name.
#include <array>
#include <cstdint>
#include <string_view>

#include "core/fields.hpp"
#include "records/device_kind.hpp"
#include "records/precision.hpp"

namespace scalelaw::inline records {

/// automatic: CUDA if possible, else the CPU.
enum class AskedDevice { automatic, cpu, cuda };
constexpr std::array<std::string_view, 3> names_of(AskedDevice) { return {"auto", "cpu", "cuda"}; }

/// What computes losses and gradients. automatic: native on a CPU where it takes the shape, else torch. Those with an
/// instruction set force the native engine to use that one, which must be there.
enum class AskedEngine { automatic, native, torch, native_amx, native_avx512, native_avx2, native_baseline };
constexpr std::array<std::string_view, 7> names_of(AskedEngine) {
  return {"auto", "native", "torch", "native-amx", "native-avx512", "native-avx2", "native-baseline"};
}

/// automatic: bf16 where it pays, one for the whole study (choose_precision of exec/precision.hpp).
enum class AskedPrecision { fp32, bf16, automatic };
constexpr std::array<std::string_view, 3> names_of(AskedPrecision) { return {"fp32", "bf16", "auto"}; }
constexpr AskedPrecision asked(Precision p) {
  return p == Precision::bf16 ? AskedPrecision::bf16 : AskedPrecision::fp32;
}
/// The precision named; fp32 as long as `automatic` is not decided.
constexpr Precision decided(AskedPrecision p) { return p == AskedPrecision::bf16 ? Precision::bf16 : Precision::fp32; }

/// Whether steps are replayed from CUDA graphs. automatic: where a checked graph gives the bits of single steps.
enum class AskedGraph { automatic, off };
constexpr std::array<std::string_view, 2> names_of(AskedGraph) { return {"auto", "off"}; }

/// What a study asks of its trainers as it is: keys of [training], and of every job.
struct TrainerSettings {
  AskedEngine engine = AskedEngine::automatic;
  AskedGraph graph = AskedGraph::automatic;
  std::int64_t micro_tokens = 0;  ///< in a job 0 is the whole batch
  double checkpoint_every_s = 60;
};
template <class Visit, FieldsOf<TrainerSettings> T>
void fields(Visit&& visit, T& t) {
  visit("engine", t.engine, named<AskedEngine>(),
        "what computes losses and gradients; auto: native on a CPU, torch on CUDA; native-SET: with that instruction "
        "set");
  visit("graph", t.graph, named<AskedGraph>(),
        "on CUDA; auto: 16 steps per CUDA graph, checked once against single steps; off: single steps");
  visit("micro_tokens", t.micro_tokens, later(at_least(0)),
        "tokens of a step of one run whose activations are in memory at once: a multiple of model.context that divides "
        "the batch (with batch_coefficient the largest such number not above it); 0 = all of them, or where one run "
        "alone would not fit the memory, as many as fit");
  visit("checkpoint_every_s", t.checkpoint_every_s, positive(), "seconds between two checkpoints of a job");
}

}  // namespace scalelaw::inline records
