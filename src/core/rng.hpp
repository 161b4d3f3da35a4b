#pragma once
// Random streams that give the same numbers on every machine: a 64-bit Mersenne twister (its output is fixed by the C++
// standard) and Boost.Random's distributions (fixed by their implementation, unlike those of <random>).
#include <boost/random/mersenne_twister.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/uniform_01.hpp>
#include <boost/random/uniform_int_distribution.hpp>
#include <cstdint>
#include <string_view>

#include "core/permutation.hpp"

namespace scalelaw::inline core {

using Rng = boost::random::mt19937_64;

/// Streams of a seed for one purpose (not empty: seed and index would be interchangeable).
[[nodiscard]] constexpr std::uint64_t stream_of(std::uint64_t seed, std::string_view purpose) {
  std::uint64_t hash = mix64(seed);
  for (const char c : purpose) hash = mix64(hash ^ static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  return hash;
}

/// Seed of an independent stream, from a seed, what it is for, and an index.
[[nodiscard]] constexpr std::uint64_t stream_seed(std::uint64_t seed, std::string_view purpose,
                                                  std::uint64_t index = 0) {
  return mix64(stream_of(seed, purpose) ^ mix64(index));
}

[[nodiscard]] inline Rng make_rng(std::uint64_t seed, std::string_view purpose, std::uint64_t index = 0) {
  return Rng(stream_seed(seed, purpose, index));
}
[[nodiscard]] inline double uniform01(Rng& rng) { return boost::random::uniform_01<double>()(rng); }
[[nodiscard]] inline double standard_normal(Rng& rng) { return boost::random::normal_distribution<double>()(rng); }
/// Uniform in 0 .. n-1.
[[nodiscard]] inline std::uint64_t uniform_below(Rng& rng, std::uint64_t n) {
  return boost::random::uniform_int_distribution<std::uint64_t>(0, n - 1)(rng);
}

}  // namespace scalelaw::inline core
