#include "os/file_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "os/error.hpp"

namespace scalelaw::inline os {
namespace {

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

FileLock::FileLock(const std::filesystem::path& path, int flags, bool folder)
    : path_(path), folder_(folder), fd_(above_streams(UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0644)))) {
  if (!fd_) fail_device("cannot open {}: {}; check the folder's permissions", path.string(), std::strerror(errno));
}

FileLock::FileLock(const std::filesystem::path& file) : FileLock(file, O_RDWR | O_CREAT, false) {}

FileLock FileLock::of_folder(const std::filesystem::path& folder) { return {folder, O_RDONLY | O_DIRECTORY, true}; }

bool FileLock::try_lock() {
  struct flock lock = whole_file();
  if ((folder_ ? ::flock(fd_.get(), LOCK_EX | LOCK_NB) : ::fcntl(fd_.get(), F_OFD_SETLK, &lock)) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  fail_device("cannot lock {}: {}; does its file system know locks?", path_.string(), std::strerror(errno));
}

bool FileLock::wait_lock(std::chrono::milliseconds longest, const std::function<bool()>& worth_waiting) {
  constexpr std::chrono::milliseconds kPause{10};
  for (std::chrono::milliseconds waited{0}; !try_lock(); waited += kPause) {
    if (waited >= longest || !worth_waiting()) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

bool is_locked(const std::filesystem::path& file) {
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct flock lock = whole_file();
  return fd && ::fcntl(fd.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace scalelaw::inline os
