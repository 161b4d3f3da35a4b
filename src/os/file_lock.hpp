#pragma once
// Locks on files and folders.
#include <chrono>
#include <filesystem>
#include <functional>

#include "os/unique_fd.hpp"

namespace scalelaw::inline os {

/// An exclusive lock on a file, or on a folder. It is held until the last descriptor of it is closed, this one or one
/// that a child was given (Program::keep_open): the system frees it however its holders end. Two of these on one file
/// exclude each other in one process too.
///
/// Files have open-file-description locks, which can be asked about without being taken and work over NFS; a folder,
/// which cannot be opened for writing, has that of flock(2). The two kinds do not see each other.
class FileLock {
 public:
  /// Opens the file, made where it is missing, and takes nothing yet. Errors (environment): it cannot be opened.
  explicit FileLock(const std::filesystem::path& file);
  /// The same of a folder that is there.
  [[nodiscard]] static FileLock of_folder(const std::filesystem::path& folder);

  /// Takes the lock. @return false where another holds it. Errors (environment): the file system knows no locks.
  [[nodiscard]] bool try_lock();
  /// Tries every 10 ms, at most for so long and only while the holder is worth waiting for (asked before each wait).
  /// @return whether the lock is held now. Errors: of try_lock.
  [[nodiscard]] bool wait_lock(std::chrono::milliseconds longest, const std::function<bool()>& worth_waiting);
  /// The descriptor that holds the lock, closed in programs that are started.
  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  FileLock(const std::filesystem::path& path, int flags, bool folder);

  std::filesystem::path path_;
  bool folder_ = false;
  UniqueFd fd_;
};

/// Whether somebody holds the lock of a file; takes none and makes no file.
[[nodiscard]] bool is_locked(const std::filesystem::path& file);

}  // namespace scalelaw::inline os
