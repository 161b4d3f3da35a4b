#include "exec/worker.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "os/error.hpp"
#include "os/files.hpp"

namespace scalelaw {
namespace {

constexpr std::size_t kLongestLine = 1U << 20U;
constexpr std::size_t kLongestReason = 300;

/// Open-file-description lock, inherited by the worker and its descendants; -1 where someone else holds it.
int take_job_lock(const std::filesystem::path& folder) {
  const auto path = folder / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) fail_device("cannot open {}: {}; check the folder's permissions", path.string(), std::strerror(errno));
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &lock) == 0) return fd;
  ::close(fd);
  return -1;
}

/// In the child: becomes the program, or ends with 127 and the reason on standard error.
[[noreturn]] void become(const std::vector<char*>& argv, const std::map<std::string, std::string>& environment,
                         int output, int log, int lock, pid_t parent, const Signals& signals) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // the parent ended between fork and prctl
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::fcntl(lock, F_SETFD, 0);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  ::sigprocmask(SIG_SETMASK, &signals.before(), nullptr);
  ::execvp(argv[0], argv.data());
  ::dprintf(STDERR_FILENO, "error: cannot start %s: %s\n", argv[0], std::strerror(errno));
  ::_exit(127);
}

/// Last line that the process wrote to its standard error.
std::string last_error_line(const std::filesystem::path& file, std::uintmax_t from) {
  std::string text;
  try {
    text = read_text_file(file);
  } catch (const Error&) {
    return "";
  }
  std::istringstream lines(from < text.size() ? text.substr(from) : "");
  std::string line;
  for (std::string next; std::getline(lines, next);) {
    next.erase(next.find_last_not_of(" \t\r") + 1);
    if (!next.empty() && !next.starts_with(kFromOutput)) line = next;
  }
  if (line.size() > kLongestReason) line = line.substr(0, kLongestReason) + " ...";
  return line;
}

}  // namespace

std::optional<Worker> start_worker(const std::vector<std::string>& argv,
                                   const std::map<std::string, std::string>& environment,
                                   const std::filesystem::path& folder, const Signals& signals) {
  SCALELAW_CHECK(!argv.empty(), "no program to start");
  const int lock = take_job_lock(folder);
  if (lock < 0) return std::nullopt;
  Worker worker;
  worker.log = folder / "log.txt";
  const int log = ::open(worker.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  std::array<int, 2> ends{-1, -1};
  if (log < 0 || ::pipe2(ends.data(), O_CLOEXEC) != 0) {
    const int problem = errno;
    ::close(lock);
    if (log >= 0) ::close(log);
    fail_device("cannot open {} or a pipe: {}; check the folder and the limit of open files", worker.log.string(),
                std::strerror(problem));
  }
  std::error_code error;
  worker.log_start = std::filesystem::file_size(worker.log, error);
  std::vector<char*> pointers;
  for (const auto& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);

  const pid_t parent = ::getpid();
  worker.pid = ::fork();
  const int problem = errno;
  if (worker.pid == 0) become(pointers, environment, ends[1], log, lock, parent, signals);
  ::close(ends[1]);
  ::close(log);
  ::close(lock);
  if (worker.pid < 0) {
    ::close(ends[0]);
    fail_device("cannot start a process: {}; close some programs and try again", std::strerror(problem));
  }
  ::setpgid(worker.pid, worker.pid);  // also here, so that a signal sent at once reaches the group
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  worker.output = ends[0];
  return worker;
}

std::vector<std::string> read_lines(Worker& worker) {
  std::array<char, 65536> bytes{};
  while (worker.output >= 0) {
    const ssize_t n = ::read(worker.output, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      ::close(worker.output);
      worker.output = -1;
      break;
    }
    worker.partial.append(bytes.data(), static_cast<std::size_t>(n));
  }
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t end = 0; (end = worker.partial.find('\n', start)) != std::string::npos; start = end + 1) {
    lines.push_back(worker.partial.substr(start, end - start));
  }
  worker.partial.erase(0, start);
  if (worker.partial.size() > kLongestLine) worker.partial.clear();
  return lines;
}

std::string describe_status(int status) {
  return WIFSIGNALED(status) ? fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

std::string explain_end(const Worker& worker, int status) {
  const std::string how = describe_status(status);
  const std::string line = last_error_line(worker.log, worker.log_start);
  return line.empty() ? how : fmt::format("{}: {}", how, line);
}

void signal_worker(const Worker& worker, int signal) {
  if (worker.pid > 0) ::kill(-worker.pid, signal);
}

}  // namespace scalelaw
