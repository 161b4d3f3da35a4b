#include "study/speeds.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "core/build_info.hpp"
#include "core/files.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

/// What /proc/cpuinfo says of the first processor's kind.
std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string text;
  for (std::string line; std::getline(info, line) && !line.empty();) {
    for (const char* key : {"model name", "flags", "CPU implementer", "CPU part", "Features"}) {
      if (line.starts_with(key)) text += line + "\n";
    }
  }
  return text;
}

struct Measuring {
  pid_t pid = -1;
  int output = -1;
  std::string text;  ///< of standard output and error
};

Measuring start(const fs::path& trainer, const fs::path& job) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail_device("cannot make a pipe: {}", std::strerror(errno));
  std::array<std::string, 4> words{trainer.string(), "--measure", "--job", job.string()};
  std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  Measuring process{.pid = -1, .output = ends[0], .text = {}};
  const int problem = ::posix_spawn(&process.pid, trainer.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (problem != 0) {
    ::close(ends[0]);
    fail_device("cannot start {}: {}", trainer.string(), std::strerror(problem));
  }
  return process;
}

/// Reads to the end and collects the process. @return processor seconds it took, or negative if it failed
double finish(Measuring& process) {
  std::array<char, 4096> bytes{};
  for (ssize_t n = 0; (n = ::read(process.output, bytes.data(), bytes.size())) != 0;) {
    if (n > 0) process.text.append(bytes.data(), static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) break;
  }
  ::close(process.output);
  int status = 0;
  rusage used{};
  while (::wait4(process.pid, &status, 0, &used) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return -1;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);) last = line.empty() ? last : line;
  return last;
}

/// The measurement of one process: {"busy_s", "member_step_s", "eval_token_s", "engine"}, see train/measure.hpp.
Speed speed_of(const Measuring& process, double processor_s, const fs::path& trainer) {
  const std::string line = last_line(process.text);
  const Json value = Json::parse(line, nullptr, false);
  if (processor_s < 0 || !value.is_object()) {
    fail_device("{} --measure failed: {}", trainer.string(), line.empty() ? "it said nothing" : line);
  }
  Speed speed;
  speed.member_step_s = number_or_nan(value, "member_step_s");
  speed.eval_token_s = number_or_nan(value, "eval_token_s");
  speed.start_s = std::max(0.0, processor_s - number_or_nan(value, "busy_s"));
  speed.engine = value.value("engine", "");
  if (!(speed.member_step_s > 0) || !std::isfinite(speed.start_s + speed.member_step_s + speed.eval_token_s)) {
    fail_device("{} --measure gave no times: {}", trainer.string(), line);
  }
  return speed;
}

/// A file name of its own, removed with this.
class TemporaryFile {
 public:
  TemporaryFile() : path_(fs::temp_directory_path() / fmt::format("scalelaw_measure_{}.json", ::getpid())) {}
  ~TemporaryFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

std::string speed_key(const std::vector<RunSpec>& runs, const WorkerSetup& setup) {
  static const std::string here = processor();
  const BuildInfo build = build_info();
  const RunSpec& spec = runs.front();
  return short_id({{"processor", here},
                   {"version", build.version},
                   {"git", build.git},
                   {"model", to_json_fields(spec.model)},
                   {"batch_tokens", spec.data.batch_tokens},
                   {"precision", spec.precision},
                   {"members", members_of(runs).size()},
                   {"workers", setup.workers},
                   {"threads", setup.threads},
                   {"engine", setup.engine}});
}

fs::path speed_table_file() {
  const auto folder = [](const char* name) {
    const char* value = std::getenv(name);
    return fs::path(value == nullptr ? "" : value);
  };
  if (const fs::path cache = folder("XDG_CACHE_HOME"); !cache.empty()) return cache / "scalelaw" / "speeds.json";
  if (const fs::path home = folder("HOME"); !home.empty()) return home / ".cache" / "scalelaw" / "speeds.json";
  return {};
}

SpeedTable read_speeds(const fs::path& file) {
  SpeedTable table;
  std::error_code error;
  if (file.empty() || !fs::exists(file, error)) return table;
  try {
    const Json value = read_json_file(file);
    for (const auto& [key, item] : value.at("speeds").items()) {
      Speed speed;
      read_fields(item, speed, Source{.name = file.string(), .origin = {}});
      table.emplace(key, speed);
    }
  } catch (const std::exception&) {
    table.clear();
  }
  return table;
}

void write_speeds(const fs::path& file, const SpeedTable& table) {
  Json speeds = Json::object();
  for (const auto& [key, speed] : table) speeds[key] = to_json_fields(speed);
  write_json_file(file, {{"schema", "scalelaw.speeds/1"}, {"speeds", speeds}});
}

Speed measure_speed(const fs::path& trainer, const Job& job, std::int64_t copies) {
  const TemporaryFile file;
  write_json_file(file.path(), to_json(job));
  std::vector<Measuring> processes;
  for (std::int64_t i = 0; i < std::max<std::int64_t>(1, copies); ++i) processes.push_back(start(trainer, file.path()));
  std::vector<double> processor_s;
  for (Measuring& process : processes) processor_s.push_back(finish(process));
  Speed mean;
  const double share = 1 / static_cast<double>(processes.size());
  for (std::size_t i = 0; i < processes.size(); ++i) {
    const Speed speed = speed_of(processes[i], processor_s[i], trainer);
    mean.start_s += share * speed.start_s;
    mean.member_step_s += share * speed.member_step_s;
    mean.eval_token_s += share * speed.eval_token_s;
    mean.engine = speed.engine;
  }
  return mean;
}

}  // namespace scalelaw
