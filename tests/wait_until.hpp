#pragma once
// Waits for what other processes do: a file that changes, a process that ends.
#include <poll.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "os/unique_fd.hpp"

namespace scalelaw {

/// What a test waits for besides its condition.
struct Watched {
  std::filesystem::path folder = {};  ///< changes anywhere below it; it need not exist yet
  std::vector<pid_t> processes = {};  ///< ends of these, children or not
  std::chrono::seconds limit{120};    ///< then it gives up
};

/// Watches every folder below this one, or the nearest one above it that exists.
inline void watch_folders(int notices, std::filesystem::path folder) {
  constexpr std::uint32_t kChanges = IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_DELETE;
  namespace fs = std::filesystem;
  const bool whole = fs::exists(folder);
  while (!folder.empty() && !fs::exists(folder)) folder = folder.parent_path();
  if (::inotify_add_watch(notices, folder.c_str(), kChanges) < 0)
    throw std::runtime_error("cannot watch " + folder.string());
  std::error_code gone;
  for (fs::recursive_directory_iterator entry(folder, gone), end; whole && !gone && entry != end;
       entry.increment(gone)) {
    if (entry->is_directory(gone)) ::inotify_add_watch(notices, entry->path().c_str(), kChanges);
  }
}

/// Waits until `done` holds, which is asked at the start and after every change of what is watched, and now and then
/// besides: a signal to this process may come between the question and the wait. @return false where that takes too
/// long
template <class Done>
bool wait_until(const Watched& watched, const Done& done) {
  const auto last = std::chrono::steady_clock::now() + watched.limit;
  const UniqueFd notices(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  std::deque<UniqueFd> ends;
  std::vector<pollfd> news{{notices.get(), POLLIN, 0}};
  for (const pid_t process : watched.processes) {
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));  // none of a process that is gone
    if (fd >= 0) news.push_back({ends.emplace_back(fd).get(), POLLIN, 0});
  }
  for (;;) {
    if (!watched.folder.empty())
      watch_folders(notices.get(), watched.folder);  // before the question: nothing is missed
    if (done()) return true;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(last - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    if (::poll(news.data(), news.size(), static_cast<int>(std::min<std::int64_t>(left.count(), 100))) > 0) {
      std::array<char, 4096> read{};
      while (::read(notices.get(), read.data(), read.size()) > 0) {
      }
      // a process that has ended is news once
      std::erase_if(news, [&](const pollfd& one) { return one.fd != notices.get() && one.revents != 0; });
    }
  }
}

/// Waits for the end of any process, a zombie too. @return false where that takes too long
inline bool wait_for_end(pid_t process, std::chrono::seconds limit = std::chrono::seconds(120)) {
  const UniqueFd end(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
  pollfd news{end.get(), POLLIN, 0};
  return !end || ::poll(&news, 1, static_cast<int>(std::chrono::milliseconds(limit).count())) == 1;
}

}  // namespace scalelaw
