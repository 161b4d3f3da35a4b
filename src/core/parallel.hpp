#pragma once
// A loop over independent items on several threads.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace scalelaw::inline core {

/// Calls body(i) once for each i below n, on up to `threads` threads. body writes only to places of its own item, so
/// results do not depend on the number of threads. The first exception is thrown again here after all threads have
/// ended.
template <class Body>
void parallel_for(std::size_t n, int threads, const Body& body) {
  const std::size_t workers = std::min(n, static_cast<std::size_t>(std::max(threads, 1)));
  if (workers <= 1) {
    for (std::size_t i = 0; i < n; ++i) body(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto work = [&] {
    try {
      for (std::size_t i = next.fetch_add(1); i < n; i = next.fetch_add(1)) body(i);
    } catch (...) {
      const std::lock_guard lock(guard);
      if (!failure) failure = std::current_exception();
      next = n;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (std::size_t k = 1; k < workers; ++k) pool.emplace_back(work);
    work();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace scalelaw::inline core
