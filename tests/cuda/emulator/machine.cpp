#include "machine.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "sanitizers.hpp"

namespace emulator {
namespace {

using sanitizers::Quiet;

constexpr int kLanes = 32;
constexpr unsigned kMostThreads = 1024;
constexpr std::size_t kPage = 4096;
// The thread sanitizer forgets a stack for every block, which costs time by size.
constexpr std::size_t kStack = sanitizers::kThread ? 32 * 1024 : 256 * 1024;

enum class Status { ready, at_barrier, at_warp, done };

struct Fiber {
  ucontext_t context{};
  char* stack = nullptr;
  void* fake = nullptr;  // of the address sanitizer
  void* tsan = nullptr;  // of the thread sanitizer
  Status status = Status::done;
  const char* what = "";  // the operation it stands at
  int line = 0;
  unsigned mask = 0;
  int source = -1;
  std::uint64_t value = 0, result = 0;
  unsigned barriers = 0, warp_operations = 0;
};

struct Shared {
  const void* key;
  std::unique_ptr<char[]> memory;
};

struct Machine {
  ucontext_t main{};
  void *main_fake = nullptr, *main_tsan = nullptr;
  const void* main_stack = nullptr;
  std::size_t main_bytes = 0;
  std::vector<Fiber> fibers = std::vector<Fiber>(kMostThreads);
  std::vector<int> ready;
  int current = 0, threads = 0;
  unsigned seed = 0;
  bool in_order = true, by_warps = false;
  std::mt19937 random;
  Extent3 block;
  Index3 thread_at, block_at;
  const std::function<void()>* body = nullptr;
  std::string error;
  std::vector<Shared> shared;
  std::unique_ptr<char[]> tokens;  // two for the block, two for each warp, used in turn
  std::vector<void*> dead;         // the thread sanitizer reuses the ids of dead fibers, which hides races
  char start = 0, end = 0;         // two tokens: a thread that has ended must not order one that starts later
};

Machine& machine() {
  static Machine one;
  return one;
}

std::string place(int thread) {
  const Machine& m = machine();
  const auto t = static_cast<unsigned>(thread);
  std::array<char, 128> text{};
  std::snprintf(text.data(), text.size(), "block (%u,%u,%u) thread (%u,%u,%u)", m.block_at.x, m.block_at.y,
                m.block_at.z, t % m.block.x, t / m.block.x % m.block.y, t / m.block.x / m.block.y);
  return text.data();
}

__attribute__((noinline, no_sanitize("thread"))) void to_main(Fiber& f) {
  Machine& m = machine();
  sanitizers::before_switch(f.status == Status::done ? nullptr : &f.fake, m.main_stack, m.main_bytes, m.main_tsan);
  swapcontext(&f.context, &m.main);
  sanitizers::after_switch(f.fake, &m.main_stack, &m.main_bytes);
}

void to_fiber(Fiber& f) {
  Machine& m = machine();
  sanitizers::before_switch(&m.main_fake, f.stack, kStack, f.tsan);
  swapcontext(&m.main, &f.context);
  sanitizers::after_switch(m.main_fake, nullptr, nullptr);
}

/// Not quiet: the thread sanitizer stops the program if a fiber ends while it ignores accesses.
__attribute__((noinline, no_sanitize("thread"))) void finish() {
  Fiber& f = machine().fibers[static_cast<std::size_t>(machine().current)];
  f.status = Status::done;
  to_main(f);
}

void entry() {
  Machine& m = machine();
  sanitizers::after_switch(nullptr, &m.main_stack, &m.main_bytes);
  const std::function<void()>* body = nullptr;
  {
    const Quiet quiet;
    body = m.body;
  }
  sanitizers::acquire(&m.start);
  (*body)();
  sanitizers::release(&m.end);
  finish();
}

__attribute__((noinline, no_sanitize("thread"))) void arm(Fiber& f) {
  getcontext(&f.context);
  f.context.uc_stack.ss_sp = f.stack;
  f.context.uc_stack.ss_size = kStack;
  f.context.uc_link = nullptr;
  makecontext(&f.context, entry, 0);
  f.context.uc_stack.ss_size = 0;  // else the address sanitizer clears the whole stack at every switch
}

std::uint64_t wait_at(Status status, const char* what, int line, unsigned mask, int source, std::uint64_t value,
                      bool fence) {
  const Quiet quiet;
  Machine& m = machine();
  const int me = m.current;
  Fiber& f = m.fibers[static_cast<std::size_t>(me)];
  char* token = m.tokens.get() + (status == Status::at_barrier
                                      ? f.barriers++ % 2
                                      : 2 + 2 * static_cast<unsigned>(me / kLanes) + f.warp_operations++ % 2);
  f.status = status;
  f.what = what;
  f.line = line;
  f.mask = mask;
  f.source = source;
  f.value = value;
  const auto in_mask = [&](int lane) { return (mask >> lane & 1U) != 0; };
  if (status == Status::at_warp && (!in_mask(me % kLanes) || (source >= 0 && !in_mask(source)))) {
    m.error = place(me) + ": the mask of " + what + " leaves out its own lane or the one it reads, line " +
              std::to_string(line);
  }
  sanitizers::release(&m.end);  // should it never come back
  if (fence) sanitizers::release(token);
  to_main(f);
  if (fence) sanitizers::acquire(token);
  return f.result;
}

void wake(int thread) {
  machine().fibers[static_cast<std::size_t>(thread)].status = Status::ready;
  machine().ready.push_back(thread);
}

/// Lets the lanes of a warp go on once all in the mask stand at the same operation.
void try_warp(int thread) {
  Machine& m = machine();
  const auto fiber = [&](int t) -> Fiber& { return m.fibers[static_cast<std::size_t>(t)]; };
  const Fiber& f = fiber(thread);
  const int first = thread / kLanes * kLanes;
  const unsigned mask = f.mask;
  unsigned votes = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1U) == 0) continue;
    if (first + lane >= m.threads) {
      m.error =
          place(thread) + ": the mask of " + f.what + " names lane " + std::to_string(lane) + ", not in the block";
      return;
    }
    const Fiber& other = fiber(first + lane);
    if (other.status != Status::at_warp || other.mask != mask || other.line != f.line || other.what != f.what) return;
    if (other.value != 0) votes |= 1U << lane;
  }
  const bool is_vote = f.source < -1;
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1U) == 0) continue;
    Fiber& other = fiber(first + lane);
    other.result = is_vote ? votes : other.source < 0 ? 0 : fiber(first + other.source).value;
    wake(first + lane);
  }
}

/// Nothing can run and not all are done: says where each group of threads stands.
[[noreturn]] void fail_stuck() {
  const Machine& m = machine();
  constexpr int kMostGroups = 8;
  std::string text = "barrier divergence in " + place(0) + ": ", last;
  int groups = 0;
  for (int t = 0; t < m.threads; ++t) {
    const Fiber& f = m.fibers[static_cast<std::size_t>(t)];
    const std::string now =
        f.status == Status::done ? "ended" : std::string("at ") + f.what + " line " + std::to_string(f.line);
    if (now != last && groups++ < kMostGroups) text += "thread " + std::to_string(t) + ".. " + now + "; ";
    last = now;
  }
  throw std::runtime_error(text);
}

/// The order of the next stretch.
void mix() {
  Machine& m = machine();
  if (m.in_order) return std::reverse(m.ready.begin(), m.ready.end());
  std::shuffle(m.ready.begin(), m.ready.end(), m.random);
  if (!m.by_warps) return;
  std::array<std::uint32_t, kMostThreads / kLanes> key{};
  for (std::uint32_t& k : key) k = static_cast<std::uint32_t>(m.random());
  std::stable_sort(m.ready.begin(), m.ready.end(), [&](int a, int b) {
    return key[static_cast<std::size_t>(a / kLanes)] < key[static_cast<std::size_t>(b / kLanes)];
  });
}

void forget_dead_fibers(std::size_t more_than) {
  Machine& m = machine();
  if (m.dead.size() <= more_than) return;
  for (void* fiber : m.dead) sanitizers::destroy_fiber(fiber);
  m.dead.clear();
}

/// What the host does after a launch happens after all that its threads did, also if it ends with an error.
struct AfterAll {
  AfterAll() = default;
  AfterAll(const AfterAll&) = delete;
  AfterAll& operator=(const AfterAll&) = delete;
  ~AfterAll() { sanitizers::acquire(&machine().end); }
};

void prepare(Fiber& f) {
  Machine& m = machine();
  if (f.stack == nullptr) {
    void* memory =
        ::mmap(nullptr, kStack + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED || ::mprotect(memory, kPage, PROT_NONE) != 0) throw std::runtime_error("no stack");
    f.stack = static_cast<char*>(memory) + kPage;
  }
  sanitizers::forget_stack(f.stack, kStack);
  if (sanitizers::kThread) {  // a new fiber on a new stack: blocks stay unordered among themselves
    if (f.tsan != nullptr && f.status == Status::done) m.dead.push_back(f.tsan);
    ::mmap(f.stack, kStack, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    f.tsan = sanitizers::create_fiber();
  }
  arm(f);
  f.barriers = f.warp_operations = 0;
}

void run_block() {
  Machine& m = machine();
  constexpr std::size_t kMostDead = 5000;
  m.tokens = std::make_unique<char[]>(2 + 2 * kMostThreads / kLanes);
  m.shared.clear();
  m.ready.clear();
  m.error.clear();
  forget_dead_fibers(kMostDead);
  for (int t = 0; t < m.threads; ++t) {
    prepare(m.fibers[static_cast<std::size_t>(t)]);
    wake(t);
  }
  for (;;) {
    for (mix(); !m.ready.empty();) {
      if (!m.in_order && !m.by_warps) std::swap(m.ready.back(), m.ready[m.random() % m.ready.size()]);
      const int t = m.current = m.ready.back();
      m.ready.pop_back();
      const auto u = static_cast<unsigned>(t);
      m.thread_at = {u % m.block.x, u / m.block.x % m.block.y, u / m.block.x / m.block.y};
      Fiber& f = m.fibers[static_cast<std::size_t>(t)];
      to_fiber(f);
      if (m.error.empty() && f.status == Status::at_warp) try_warp(t);
      if (!m.error.empty()) throw std::runtime_error(m.error);
    }
    int done = 0, same = 0;
    const Fiber& first = m.fibers[0];
    for (int t = 0; t < m.threads; ++t) {
      const Fiber& f = m.fibers[static_cast<std::size_t>(t)];
      done += f.status == Status::done ? 1 : 0;
      same += f.status == Status::at_barrier && f.line == first.line ? 1 : 0;
    }
    if (done == m.threads) return;
    if (same != m.threads) fail_stuck();
    for (int t = 0; t < m.threads; ++t) wake(t);
  }
}

}  // namespace

Index3& thread_index() { return machine().thread_at; }
Index3& block_index() { return machine().block_at; }
unsigned current_lane() {
  const Quiet quiet;
  return static_cast<unsigned>(machine().current % kLanes);
}
void set_schedule(unsigned seed) { machine().seed = seed; }

void block_barrier(int line) { wait_at(Status::at_barrier, "__syncthreads", line, 0, -1, 0, true); }
std::uint64_t warp_operation(const char* what, int line, unsigned mask, int source, std::uint64_t value, bool fence) {
  return wait_at(Status::at_warp, what, line, mask, source, value, fence);
}
unsigned warp_vote(int line, unsigned mask, bool value) {
  constexpr int kVote = -2;
  return static_cast<unsigned>(wait_at(Status::at_warp, "__ballot_sync", line, mask, kVote, value ? 1 : 0, false));
}

void* shared_memory(const void* key, std::size_t bytes) {
  const Quiet quiet;
  Machine& m = machine();
  for (const Shared& s : m.shared) {
    if (s.key == key) return s.memory.get();
  }
  m.shared.push_back({key, std::unique_ptr<char[]>(new char[bytes])});  // the heap: overruns are seen
  return std::memset(m.shared.back().memory.get(), 0xff, bytes);
}

const char* run(Extent3 grid, Extent3 block, const std::function<void()>& body) {
  Machine& m = machine();
  constexpr unsigned kMostBlocks = 65535, kDeepest = 64;  // the limits of a device
  const std::size_t blocks = std::size_t{grid.x} * grid.y * grid.z, threads = std::size_t{block.x} * block.y * block.z;
  if (blocks == 0 || threads == 0 || threads > kMostThreads || block.z > kDeepest || grid.y > kMostBlocks ||
      grid.z > kMostBlocks) {
    return "invalid configuration argument";
  }
  sanitizers::release(&m.start);
  const Quiet quiet;
  m.main_tsan = sanitizers::current_fiber();
  m.body = &body;
  m.threads = static_cast<int>(threads);
  m.block = block;
  m.random.seed(m.seed);
  m.in_order = m.seed == 0;
  m.by_warps = m.seed % 2 == 0;
  std::vector<std::size_t> order(blocks);
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (!m.in_order) std::shuffle(order.begin(), order.end(), m.random);
  const AfterAll after_all;
  for (const std::size_t i : order) {
    m.block_at = {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
                  static_cast<unsigned>(i / grid.x / grid.y)};
    run_block();
  }
  forget_dead_fibers(0);
  m.shared.clear();
  return nullptr;
}

}  // namespace emulator
