// AdamW on the CPU. Plain loops that the compiler vectorizes; sums run in a fixed order, so results are the same each
// time.
#include <algorithm>
#include <array>
#include <cmath>

#include "models/cuda_backend.hpp"
#include "models/device.hpp"
#include "os/cpu.hpp"
#include "os/error.hpp"

// Built for several instruction sets; the best that may be used here is chosen when the program runs (os/cpu.hpp).
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define SCALELAW_SETS
#define SCALELAW_INLINE inline __attribute__((always_inline))
#else
#define SCALELAW_INLINE inline
#endif

namespace scalelaw::inline models {
namespace {

constexpr std::size_t kLanes = 16;

SCALELAW_INLINE double squares(const float* __restrict x, std::size_t n) {
  double total = 0;
  constexpr std::size_t kBlock = 4096;  // float sums of at most 256 terms a lane, gathered in double
  for (std::size_t begin = 0; begin < n; begin += kBlock) {
    const std::size_t end = std::min(n, begin + kBlock);
    std::array<float, kLanes> lanes{};
    std::size_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += x[i + lane] * x[i + lane];
    }
    for (std::size_t lane = 0; i < end; ++i, ++lane) lanes[lane] += x[i] * x[i];
    for (const float lane : lanes) total += static_cast<double>(lane);
  }
  return total;
}

SCALELAW_INLINE void advance_all(float* __restrict p, const float* __restrict gradient, float* __restrict m,
                                 float* __restrict v, std::size_t n, AdamSettings s, AdamScalars now, float scale,
                                 float decay) {
  const float rest1 = 1.0F - s.beta1, rest2 = 1.0F - s.beta2;
  for (std::size_t i = 0; i < n; ++i) {
    const float g = gradient[i] * scale;
    m[i] = s.beta1 * m[i] + rest1 * g;
    v[i] = s.beta2 * v[i] + rest2 * g * g;
    p[i] -= now.lr * (decay * p[i] + now.correction1 * m[i] / (std::sqrt(now.correction2 * v[i]) + s.eps));
  }
}

#define SCALELAW_ADAM(name, target)                                                                              \
  target double squares_##name(const float* x, std::size_t n) { return squares(x, n); }                          \
  target void advance_##name(float* p, const float* gradient, float* m, float* v, std::size_t n, AdamSettings s, \
                             AdamScalars now, float scale, float decay) {                                        \
    advance_all(p, gradient, m, v, n, s, now, scale, decay);                                                     \
  }

SCALELAW_ADAM(plain, )
#if defined(SCALELAW_SETS)
SCALELAW_ADAM(avx2, __attribute__((target("arch=x86-64-v3"))))
SCALELAW_ADAM(avx512, __attribute__((target("arch=x86-64-v4"))))
#endif

struct AdamKernels {
  decltype(&squares_plain) sum_of_squares = squares_plain;
  decltype(&advance_plain) update = advance_plain;
};

const AdamKernels& kernels() {
  static const AdamKernels chosen = [] {
#if defined(SCALELAW_SETS)
    if (may_use(InstructionSet::avx512)) return AdamKernels{squares_avx512, advance_avx512};
    if (may_use(InstructionSet::avx2)) return AdamKernels{squares_avx2, advance_avx2};
#endif
    return AdamKernels{};
  }();
  return chosen;
}

}  // namespace

void adam_step(const Device& device, const AdamState& state, const AdamScalars* scalars, std::int64_t step,
               const float* losses, float* norms) {
  SCALELAW_CHECK(device.kind == DeviceKind::cpu, "adam_step on {}", device.name);
  const AdamKernels& with = kernels();
  const auto params = static_cast<std::size_t>(state.params);
  for (std::int64_t k = 0; k < state.members; ++k) {
    const std::int64_t row = k * state.params;
    const AdamSettings& settings = state.settings[k];
    const auto norm = static_cast<float>(std::sqrt(with.sum_of_squares(state.gradients + row, params)));
    norms[k] = norm;
    if (state.diverged[k] != 0) continue;
    if (!std::isfinite(norm) || !std::isfinite(losses[k])) {
      state.diverged[k] = step;
      continue;
    }
    const float scale = settings.clip > 0 && norm > settings.clip ? settings.clip / norm : 1.0F;
    for (std::int64_t i = 0; i < state.group_count; ++i) {
      const AdamGroup& group = state.groups[i];
      const std::int64_t at = row + group.begin;
      const std::int64_t end = i + 1 < state.group_count ? state.groups[i + 1].begin : state.params;
      AdamSettings own = settings;
      own.eps *= group.eps;
      AdamScalars now = scalars[k];
      now.correction1 *= group.rate;
      with.update(state.parameters + at, state.gradients + at, state.moment1 + at, state.moment2 + at,
                  static_cast<std::size_t>(end - group.begin), own, now, scale, group.decay * settings.weight_decay);
    }
  }
}

void counted_adam_step(const Device& device, const AdamState& state, const StepTables& tables, const float* losses) {
  if (device.kind == DeviceKind::cuda) return cuda::adam_step(state, tables, losses);
  StepCounters& counters = *tables.counters;
  const std::int64_t row = counters.slot * state.members;
  std::copy_n(losses, state.members, tables.losses + row);
  adam_step(device, state, tables.scalars + row, counters.step + 1, losses, tables.norms + row);
  ++counters.step;
  ++counters.slot;
}

}  // namespace scalelaw::inline models
