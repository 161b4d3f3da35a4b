#pragma once
// Which window of the corpus a training step sees: a pure function of (seed, step), so that resuming needs no state.
#include <cstdint>

#include "core/permutation.hpp"

namespace scalelaw::inline corpus {

/// Windows of context + 1 tokens, each starting where the one before had its last target: every token but the first is
/// predicted once per epoch. Every epoch goes through all windows in an order of its own.
struct WindowSampler {
  std::int64_t windows = 1;  ///< in an epoch
  std::int64_t context = 1;
  std::int64_t seed = 0;

  /// First token of the draw-th window since the start of training (draw = step * windows per batch + place in the
  /// batch).
  [[nodiscard]] std::int64_t start(std::int64_t draw) const { return order().start(draw); }
  [[nodiscard]] WindowOrder order() const;
};

/// @param split_tokens tokens of the training split  @param unique_tokens how many of them may be used, from the first
/// on; 0 = all. Errors (data): fewer tokens than one window needs.
[[nodiscard]] WindowSampler make_sampler(std::int64_t split_tokens, std::int64_t unique_tokens, std::int64_t context,
                                         std::int64_t seed);

}  // namespace scalelaw::inline corpus
