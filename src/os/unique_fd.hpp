#pragma once
// A file descriptor with one owner.
#include <fcntl.h>
#include <unistd.h>

#include <utility>

namespace scalelaw::inline os {

/// Owns a file descriptor and closes it when it goes; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  /// Whether there is one.
  explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int get() const { return fd_; }
  /// Gives the descriptor away, open.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  /// Closes what it owns and takes another.
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// A descriptor that no standard stream takes the place of, where this process was started without one of them; none
/// where there is none, or none is left.
[[nodiscard]] inline UniqueFd above_streams(UniqueFd fd) {
  if (!fd || fd.get() > STDERR_FILENO) return fd;
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace scalelaw::inline os
