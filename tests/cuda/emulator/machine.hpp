#pragma once
// A CUDA device on the host, for tests: one fiber per CUDA thread, blocks one after another. It knows barriers, warp
// shuffles and votes, and shared memory, and reports what a device would answer with a hang or with garbage:
//   a barrier that some threads of the block never reach, or a warp operation whose lanes stand elsewhere (an error
//   that names block, thread and line); shared memory that is read before it is written (it is full of NaNs).
// Address and undefined-behaviour sanitizers see the overruns, the thread sanitizer the missing barriers: fibers are
// threads to it, ordered by nothing but barriers. Not seen: an overrun inside one buffer, and what only many threads
// running at the same instant would show.
#include <cstddef>
#include <cstdint>
#include <functional>

namespace emulator {

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};
struct Extent3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Extent3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

/// Of the thread that runs now.
Index3& thread_index();
Index3& block_index();
unsigned current_lane();

/// In which order threads and blocks run. 0: as numbered; odd: any ready thread; even: warp by warp. Programs that are
/// right give the same for every seed.
void set_schedule(unsigned seed);

/// All threads of the block wait for one another.
void block_barrier(int line);
/// The lanes of the mask wait for one another. @param source lane whose value is the result, or -1 @param fence whether
/// memory is ordered too: a shuffle orders none @return that lane's value
std::uint64_t warp_operation(const char* what, int line, unsigned mask, int source, std::uint64_t value, bool fence);
/// A bit for each lane of the mask whose value is not 0.
unsigned warp_vote(int line, unsigned mask, bool value);

/// Shared memory of the running block, known by an address that stays the same; every bit set when the block starts.
void* shared_memory(const void* key, std::size_t bytes);

/// Runs body once per thread. @return nullptr, or what cannot be launched. Errors found inside throw
/// std::runtime_error.
const char* run(Extent3 grid, Extent3 block, const std::function<void()>& body);

}  // namespace emulator
