#include "os/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "os/error.hpp"
#include "os/unique_fd.hpp"

namespace scalelaw::inline os {
namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path, int error) {
  const char* advice = error == ENOSPC || error == EDQUOT ? "free some space, then run the same command again"
                                                          : "check the folder and its permissions";
  fail_device("cannot write {}: {}; {}", path.string(), std::strerror(error), advice);
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path,
               const std::filesystem::path& temporary) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int error = errno;
      if (!temporary.empty()) ::unlink(temporary.c_str());
      fail_write(path, error);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

}  // namespace

std::string read_text_file(const std::filesystem::path& path) {
  std::error_code status;
  if (std::filesystem::is_directory(path, status)) fail_data("{}: is a folder, a file is needed", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_data("{}: cannot be read: {}", path.string(), std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) fail_data("{}: reading failed: {}", path.string(), std::strerror(errno));
  return std::move(text).str();
}

void write_file_atomic(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  make_folder(folder);
  const std::filesystem::path temporary = fmt::format("{}.tmp.{}", path.string(), ::getpid());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) fail_write(path, errno);
  write_all(fd.get(), bytes, path, temporary);
  const bool synced = ::fsync(fd.get()) == 0;
  const int sync_error = errno;
  const bool closed = ::close(fd.release()) == 0;
  if (!synced || !closed || ::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = synced ? errno : sync_error;
    ::unlink(temporary.c_str());
    fail_write(path, error);
  }
  const UniqueFd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder_fd) ::fsync(folder_fd.get());  // best effort: some file systems do not allow it on a folder
}

void append_line(const std::filesystem::path& path, std::string_view line) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd) fail_write(path, errno);
  write_all(fd.get(), std::string(line) + "\n", path, {});
}

void make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error && !std::filesystem::is_directory(path)) fail_write(path, error.value());
}

std::filesystem::path program_folder() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) fail_device("cannot find the folder of this program: {}; is /proc mounted?", error.message());
  return self.parent_path();
}

}  // namespace scalelaw::inline os
