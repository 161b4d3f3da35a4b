#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <numeric>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "core/names.hpp"
#include "models/native/native.hpp"
#include "models/native/step.hpp"
#include "os/error.hpp"

namespace scalelaw::inline models {
namespace {

using native::Index;
using native::Kernels;

/// Denormals as zero, in and out, while it lives: one of them costs more than a hundred ordinary operations.
class NoDenormals {
 public:
  NoDenormals(const NoDenormals&) = delete;
  NoDenormals& operator=(const NoDenormals&) = delete;
#if defined(__x86_64__)
  NoDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040U); }
  ~NoDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#else
  NoDenormals() = default;
#endif
};

void check_tokens(const std::int64_t* tokens, Index count, Index vocab) {
  for (Index i = 0; i < count; ++i) {
    SCALELAW_CHECK(tokens[i] >= 0 && tokens[i] < vocab, "token {} of a vocabulary of {}", tokens[i], vocab);
  }
}

Precision precision_of(const Kernels& kernels) { return kernels.bf16 ? Precision::bf16 : Precision::fp32; }

/// One Step, used for every member in turn.
class NativeEngine {
 public:
  NativeEngine(const Layout& layout, const EngineBuffers& buffers, const Kernels& kernels)
      : vocab_(layout.model.vocab),
        context_(layout.model.context),
        params_(layout.params),
        buffers_(buffers),
        step_(layout, kernels) {}

  void loss_and_grad(const Batch& batch, float* losses) {
    window_losses_.resize(static_cast<std::size_t>(batch.windows));
    each_member(batch, true, [&](Index member) {
      const double total = std::accumulate(window_losses_.begin(), window_losses_.end(), 0.0);
      losses[member] = static_cast<float>(total / static_cast<double>(batch.windows));
    });
  }

  void window_losses(const Batch& batch, float* losses) {
    window_losses_.resize(static_cast<std::size_t>(batch.windows));
    each_member(batch, false, [&](Index member) {
      std::copy(window_losses_.begin(), window_losses_.end(), losses + member * batch.windows);
    });
  }

 private:
  template <class F>
  void each_member(const Batch& batch, bool with_gradients, F done) {
    const Index tokens = batch.windows * context_;
    check_tokens(batch.inputs, buffers_.members * tokens, vocab_);
    check_tokens(batch.targets, buffers_.members * tokens, vocab_);
    const NoDenormals guard;
    for (Index member = 0; member < buffers_.members; ++member) {
      step_.run(buffers_.parameters + member * params_,
                with_gradients ? buffers_.gradients + member * params_ : nullptr, batch.inputs + member * tokens,
                batch.targets + member * tokens, batch.windows, window_losses_.data());
      done(member);
    }
  }

  Index vocab_, context_, params_;
  EngineBuffers buffers_;
  native::Step step_;
  std::vector<float> window_losses_;
};

}  // namespace

std::string native_refusal(const ModelSpec& model) {
  for (const auto& [what, value, most] : native_limits(model)) {
    if (value > most) return fmt::format("the native engine takes {} up to {}, this is {}", what, most, value);
  }
  return {};
}

std::vector<InstructionSet> native_instruction_sets(Precision precision) {
  std::vector<InstructionSet> sets;
  for (const Kernels* kernels : native::available_kernels()) {
    if (precision == precision_of(*kernels)) sets.push_back(find_named<InstructionSet>(kernels->name).value());
  }
  return sets;
}

std::optional<InstructionSet> best_instruction_set(Precision precision) {
  const std::vector<InstructionSet> sets = native_instruction_sets(precision);
  return sets.empty() ? std::nullopt : std::optional(sets.front());
}

const Kernels& kernels_for(InstructionSet instruction_set, std::span<const Kernels* const> available) {
  std::vector<std::string> names;
  for (const Kernels* kernels : available) {
    if (name_of(instruction_set) == kernels->name) return *kernels;
    names.emplace_back(kernels->name);
  }
  fail_device("native engine: instruction set '{}' is not available here; use one of {}, or auto", instruction_set,
              fmt::join(names, ", "));
}

void check_native_instruction_set(InstructionSet instruction_set, Precision precision) {
  const Kernels& kernels = kernels_for(instruction_set, native::available_kernels());
  const Precision own = precision_of(kernels);
  if (precision != own) {
    fail_config("native engine: {} computes in {}, but precision is {}; set training.precision = \"{}\"",
                instruction_set, own, precision, own);
  }
}

Engine make_native_engine(const Layout& layout, const EngineBuffers& buffers,
                          std::optional<InstructionSet> instruction_set) {
  if (const std::string refusal = native_refusal(layout.model); !refusal.empty()) {
    fail_config("engine: {}; use engine = \"torch\"", refusal);
  }
  const Kernels& kernels = kernels_for(
      instruction_set ? *instruction_set : best_instruction_set(Precision::fp32).value(), native::available_kernels());
  const auto engine = std::make_shared<NativeEngine>(layout, buffers, kernels);
  return {.name = fmt::format("native {}", kernels.name),
          .loss_and_grad = [engine](const Batch& batch, float* losses) { engine->loss_and_grad(batch, losses); },
          .window_losses = [engine](const Batch& batch, float* losses) { engine->window_losses(batch, losses); }};
}

}  // namespace scalelaw::inline models
