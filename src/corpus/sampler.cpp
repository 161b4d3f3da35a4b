#include "corpus/sampler.hpp"

#include <algorithm>

#include "core/rng.hpp"
#include "os/error.hpp"

namespace scalelaw::inline corpus {

WindowOrder WindowSampler::order() const {
  return {
      .stream = stream_of(static_cast<std::uint64_t>(seed), "window order"), .windows = windows, .context = context};
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

}  // namespace scalelaw::inline corpus
