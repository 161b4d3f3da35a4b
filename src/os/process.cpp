#include "os/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#include "os/error.hpp"

namespace scalelaw::inline os {
namespace {

/// What a child becomes a program with, made before the fork: a child of a process with threads may not allocate.
struct Start {
  std::string file;
  std::vector<char*> argv, variables;
  std::array<int, 3> streams{-1, -1, -1};  ///< -1: inherited
  int report = -1;                         ///< where the number of an error is written, if it is
  pid_t parent = -1;
};

struct Pipe {
  UniqueFd read, write;
};

UniqueFd open_stream(const std::filesystem::path& path, int flags) {
  UniqueFd fd = above_streams(UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0644)));
  if (!fd) {
    fail_device("cannot open {}: {}; check the folder and the limit of open files", path.string(),
                std::strerror(errno));
  }
  return fd;
}

Pipe make_pipe() {
  std::array<int, 2> ends{-1, -1};
  Pipe pipe;
  if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
    pipe = {.read = UniqueFd(ends[0]), .write = UniqueFd(ends[1])};
    pipe.read = above_streams(std::move(pipe.read));
    pipe.write = above_streams(std::move(pipe.write));
  }
  if (!pipe.read || !pipe.write) {
    fail_device("cannot make a pipe: {}; check the limit of open files", std::strerror(errno));
  }
  return pipe;
}

/// The descriptors that the streams of a program may go to; -1 where none of them goes there.
struct Targets {
  int null = -1, pipe = -1, file = -1;

  [[nodiscard]] int of(Stream stream) const {
    switch (stream) {
      case Stream::inherited:
        return -1;
      case Stream::null:
        return null;
      case Stream::pipe:
        return pipe;
      case Stream::file:
        return file;
    }
    return -1;
  }
};

std::vector<std::string> variables_of(const Program& program) {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const bool changed = program.environment.contains(std::string(text.substr(0, text.find('='))));
    const auto begins = [&](const std::string& beginning) { return text.starts_with(beginning); };
    if (!changed && std::ranges::none_of(program.without, begins)) variables.emplace_back(text);
  }
  for (const auto& [name, value] : program.environment) variables.push_back(fmt::format("{}={}", name, value));
  return variables;
}

/// For exec, which changes none of them.
std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// In the child: becomes the program, or ends with 127 and says why.
[[noreturn]] void become(const Program& program, const Start& start) {
  if (program.own_group) ::setpgid(0, 0);
  if (program.dies_with_parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != start.parent) ::_exit(127);  // the parent ended between fork and prctl
  }
  for (int stream = 0; const int fd : start.streams) {
    if (fd >= 0) ::dup2(fd, stream);
    ++stream;
  }
  for (const int fd : program.keep_open) ::fcntl(fd, F_SETFD, 0);
  if (program.blocked_signals) ::sigprocmask(SIG_SETMASK, &*program.blocked_signals, nullptr);
  if (program.search_path) {
    ::execvpe(start.file.c_str(), start.argv.data(), start.variables.data());
  } else {
    ::execve(start.file.c_str(), start.argv.data(), start.variables.data());
  }
  const int problem = errno;
  if (start.report < 0) {
    ::dprintf(STDERR_FILENO, "error: cannot start %s: %s\n", start.file.c_str(), std::strerror(problem));
  } else if (::write(start.report, &problem, sizeof problem) < 0) {
    ::_exit(126);
  }
  ::_exit(127);
}

/// The number of the error that kept a child from becoming its program; 0 once it is that.
int reported(int pipe) {
  int problem = 0;
  ssize_t n = 0;
  while ((n = ::read(pipe, &problem, sizeof problem)) < 0 && errno == EINTR) {
  }
  return n == static_cast<ssize_t>(sizeof problem) ? problem : 0;
}

}  // namespace

int ProcessEnd::exit_code() const { return known && WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

std::string describe(const ProcessEnd& end) {
  return WIFSIGNALED(end.status)
             ? fmt::format("killed by signal {} ({})", WTERMSIG(end.status), ::strsignal(WTERMSIG(end.status)))
             : fmt::format("exit code {}", WEXITSTATUS(end.status));
}

Process::Process(const Program& program) : own_group_(program.own_group) {
  SCALELAW_CHECK(!program.argv.empty(), "no program to start");
  const auto any = [&](Stream kind) { return program.output == kind || program.error == kind; };
  const UniqueFd log = any(Stream::file) ? open_stream(program.log, O_WRONLY | O_CREAT | O_APPEND) : UniqueFd();
  const UniqueFd null = program.no_input || any(Stream::null) ? open_stream("/dev/null", O_RDWR) : UniqueFd();
  Pipe printed = any(Stream::pipe) ? make_pipe() : Pipe();
  Pipe report = program.must_start ? make_pipe() : Pipe();
  const Targets to{.null = null.get(), .pipe = printed.write.get(), .file = log.get()};
  const std::vector<std::string> variables = variables_of(program);
  const Start start{.file = program.file.empty() ? program.argv[0] : program.file.string(),
                    .argv = pointers_to(program.argv),
                    .variables = pointers_to(variables),
                    .streams = {program.no_input ? to.null : -1, to.of(program.output), to.of(program.error)},
                    .report = report.write.get(),
                    .parent = ::getpid()};
  pid_ = ::fork();
  if (pid_ == 0) become(program, start);
  if (pid_ < 0) {
    fail_device("cannot start a process: {}; close some programs and try again", std::strerror(errno));
  }
  // here as in the child, so that a signal sent at once reaches the group
  if (own_group_) ::setpgid(pid_, pid_);
  report.write.reset();
  if (const int problem = report.read ? reported(report.read.get()) : 0; problem != 0) {
    wait();
    fail_device("cannot start {}: {}", start.file, std::strerror(problem));
  }
  if (printed.read) ::fcntl(printed.read.get(), F_SETFL, O_NONBLOCK);
  output_ = std::move(printed.read);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      own_group_(other.own_group_),
      output_(std::move(other.output_)),
      end_(other.end_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  kill_unwaited();
  pid_ = std::exchange(other.pid_, -1);
  own_group_ = other.own_group_;
  output_ = std::move(other.output_);
  end_ = other.end_;
  return *this;
}

std::string Process::read_available() {
  std::string text;
  std::array<char, 65536> bytes{};
  while (output_) {
    const ssize_t n = ::read(output_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(n));
    } else {
      output_.reset();
    }
  }
  return text;
}

std::string Process::read_all() {
  std::string text;
  while (output_) {
    pollfd news{output_.get(), POLLIN, 0};
    ::poll(&news, 1, -1);
    text += read_available();
  }
  return text;
}

void Process::signal(int number) const {
  if (pid_ > 0 && (own_group_ || !end_)) ::kill(own_group_ ? -pid_ : pid_, number);
}

std::optional<ProcessEnd> Process::collect(bool waits) {
  if (end_) return end_;
  SCALELAW_CHECK(pid_ > 0, "no process to wait for");
  ProcessEnd end;
  rusage used{};
  pid_t ended = 0;
  while ((ended = ::wait4(pid_, &end.status, waits ? 0 : WNOHANG, &used)) < 0 && errno == EINTR) {
  }
  if (ended == 0) return std::nullopt;
  end.known = ended > 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  end.processor_s = seconds(used.ru_utime) + seconds(used.ru_stime);
  end_ = end;
  return end_;
}

void Process::kill_unwaited() noexcept {
  if (pid_ <= 0 || end_) return;
  signal(SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace scalelaw::inline os
