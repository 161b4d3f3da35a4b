#include "corpus/sampler.hpp"

#include <algorithm>
#include <bit>

#include "core/error.hpp"
#include "core/rng.hpp"

namespace scalelaw {

std::uint64_t permuted_index(std::uint64_t index, std::uint64_t size, std::uint64_t key) {
  if (size <= 1) return 0;
  const auto half = (static_cast<unsigned>(std::bit_width(size - 1)) + 1) / 2;
  const std::uint64_t mask = (std::uint64_t{1} << half) - 1;
  constexpr std::uint64_t kRounds = 6;
  do {
    std::uint64_t left = index >> half, right = index & mask;
    for (std::uint64_t round = 0; round < kRounds; ++round) {
      const std::uint64_t next = left ^ (mix64(key + (round << 56U) + right) & mask);
      left = right;
      right = next;
    }
    index = (left << half) | right;
  } while (index >= size);
  return index;
}

std::int64_t WindowSampler::start(std::int64_t draw) const {
  const std::int64_t epoch = draw / windows;
  const std::uint64_t key =
      stream_seed(static_cast<std::uint64_t>(seed), "window order", static_cast<std::uint64_t>(epoch));
  const auto place = static_cast<std::uint64_t>(draw % windows);
  return static_cast<std::int64_t>(permuted_index(place, static_cast<std::uint64_t>(windows), key)) * context;
}

WindowSampler make_sampler(std::int64_t split_tokens, std::int64_t unique_tokens, std::int64_t context,
                           std::int64_t seed) {
  // the last target lies one token after the last window
  const std::int64_t available = (split_tokens - 1) / context;
  const std::int64_t wanted = unique_tokens > 0 ? std::max<std::int64_t>(1, unique_tokens / context) : available;
  if (split_tokens <= context) {
    fail_data("corpus: the training split has {} tokens, a window needs {}; give it more text", split_tokens,
              context + 1);
  }
  return {.windows = std::min(available, wanted), .context = context, .seed = seed};
}

}  // namespace scalelaw
