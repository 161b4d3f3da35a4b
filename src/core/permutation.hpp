#pragma once
// Integer functions that the host and the device compute alike: C++17, no other header of ours.
#include <cstdint>

namespace scalelaw::inline core {

/// Mixes the bits of x (the finalizer of SplitMix64, Steele et al. 2014): a bijection of 64-bit words.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

/// A bijection of 0 .. size-1, different for every key: a 6-round Feistel network over the next even number of bits,
/// walked until it lands inside (Black and Rogaway 2002, "Ciphers with arbitrary finite domains", sec. 3). Not for
/// secrets. Domain: size >= 1, index in 0 .. size-1.
[[nodiscard]] constexpr std::uint64_t permuted_index(std::uint64_t index, std::uint64_t size, std::uint64_t key) {
  if (size <= 1) return 0;
  unsigned bits = 0;
  for (std::uint64_t rest = size - 1; rest != 0; rest >>= 1U) ++bits;
  const unsigned half = (bits + 1) / 2;
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

/// The order in which training draws the windows of a corpus; every epoch has its own.
struct WindowOrder {
  std::uint64_t stream = 0;  ///< of the seed
  std::int64_t windows = 1;  ///< in an epoch
  std::int64_t context = 1;  ///< tokens from one window to the next

  /// First token of the draw-th window since the start of training.
  [[nodiscard]] constexpr std::int64_t start(std::int64_t draw) const {
    const auto epoch = static_cast<std::uint64_t>(draw / windows), place = static_cast<std::uint64_t>(draw % windows);
    const std::uint64_t key = mix64(stream ^ mix64(epoch));
    return static_cast<std::int64_t>(permuted_index(place, static_cast<std::uint64_t>(windows), key)) * context;
  }
};

}  // namespace scalelaw::inline core
