#pragma once
// What the sanitizers must be told about fibers, as functions that do nothing in a build without them.
#include <cstddef>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreReadsBegin(const char*, int), AnnotateIgnoreReadsEnd(const char*, int),
    AnnotateIgnoreWritesBegin(const char*, int), AnnotateIgnoreWritesEnd(const char*, int);
#endif

namespace emulator::sanitizers {

#ifdef __SANITIZE_THREAD__
constexpr bool kThread = true;
#else
constexpr bool kThread = false;
#endif

/// The emulator's own state is not the kernel's: the thread sanitizer shall not look at it.
struct Quiet {
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
#ifdef __SANITIZE_THREAD__
  Quiet() {
    AnnotateIgnoreReadsBegin("", 0);
    AnnotateIgnoreWritesBegin("", 0);
  }
  ~Quiet() {
    AnnotateIgnoreReadsEnd("", 0);
    AnnotateIgnoreWritesEnd("", 0);
  }
#else
  Quiet() {}
  ~Quiet() {}
#endif
};

/// Everything before release happened before everything after a later acquire of the same token.
inline void release([[maybe_unused]] void* token) {
#ifdef __SANITIZE_THREAD__
  __tsan_release(token);
#endif
}
inline void acquire([[maybe_unused]] void* token) {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(token);
#endif
}

inline void* current_fiber() {
#ifdef __SANITIZE_THREAD__
  return __tsan_get_current_fiber();
#else
  return nullptr;
#endif
}
inline void* create_fiber() {
#ifdef __SANITIZE_THREAD__
  return __tsan_create_fiber(0);
#else
  return nullptr;
#endif
}
inline void destroy_fiber([[maybe_unused]] void* fiber) {
#ifdef __SANITIZE_THREAD__
  __tsan_destroy_fiber(fiber);
#endif
}

// Inlined, so that no entry of a function is counted on one stack and its end on another.

/// Before a switch to another stack. @param fake where this stack's fake frames are kept; nullptr: it never comes back
[[gnu::always_inline]] inline void before_switch([[maybe_unused]] void** fake, [[maybe_unused]] const void* stack,
                                                 [[maybe_unused]] std::size_t bytes, [[maybe_unused]] void* fiber) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(fake, stack, bytes);
#endif
#ifdef __SANITIZE_THREAD__
  __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
#endif
}
/// After it. @param from, bytes the stack it came from
[[gnu::always_inline]] inline void after_switch([[maybe_unused]] void* fake, [[maybe_unused]] const void** from,
                                                [[maybe_unused]] std::size_t* bytes) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(fake, from, bytes);
#endif
}
inline void forget_stack([[maybe_unused]] void* stack, [[maybe_unused]] std::size_t bytes) {
#ifdef __SANITIZE_ADDRESS__
  ASAN_UNPOISON_MEMORY_REGION(stack, bytes);
#endif
}

}  // namespace emulator::sanitizers
