#include "exec/speeds.hpp"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "core/build_info.hpp"
#include "exec/backend.hpp"
#include "os/files.hpp"
#include "os/process.hpp"

namespace scalelaw::inline exec {
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

using Clock = std::chrono::steady_clock;

struct Measuring {
  Clock::time_point started;
  Process process;        ///< its standard output and error are read
  std::string text = {};  ///< of both
  ProcessEnd end = {};
  double wall_s = 0;  ///< from its start until its end was seen
};

Measuring start(const fs::path& trainer, const fs::path& job, std::map<std::string, std::string> variables) {
  const Clock::time_point now = Clock::now();
  return {.started = now,
          .process = Process({.argv = {trainer.string(), "--measure", "--job", job.string()},
                              .environment = std::move(variables),
                              .output = Stream::pipe,
                              .error = Stream::pipe})};
}

/// Reads to the end and collects the process.
void finish(Measuring& measuring) {
  measuring.text = measuring.process.read_all();
  measuring.end = measuring.process.wait();
  measuring.wall_s = std::chrono::duration<double>(Clock::now() - measuring.started).count();
}

/// The last line that is a JSON object, and the last that says anything at all.
std::pair<Json, std::string> last_lines(const std::string& output) {
  std::istringstream lines(output);
  std::pair<Json, std::string> last;
  for (std::string line; std::getline(lines, line);) {
    if (Json value = Json::parse(line, nullptr, false); value.is_object()) last.first = std::move(value);
    if (!line.empty()) last.second = line;
  }
  return last;
}

/// The measurement of one process: {"busy_s", "member_step_s", "eval_token_s", "engine"}, see train/measure.hpp.
Speed speed_of(const Measuring& measured, const fs::path& trainer, bool cuda) {
  const auto [value, text] = last_lines(measured.text);
  if (measured.end.status != 0 || !value.is_object()) {
    fail_device("{} --measure failed, {}: {}", trainer.string(), describe(measured.end),
                text.empty() ? "it printed nothing; start it by hand to see why" : text);
  }
  Speed speed;
  speed.member_step_s = number_or_nan(value, "member_step_s");
  speed.eval_token_s = number_or_nan(value, "eval_token_s");
  speed.start_s = std::max(0.0, (cuda ? measured.wall_s : measured.end.processor_s) - number_or_nan(value, "busy_s"));
  speed.engine = value.value("engine", "");
  if (!(speed.member_step_s > 0) || !std::isfinite(speed.start_s + speed.member_step_s + speed.eval_token_s)) {
    fail_device("{} --measure gave no times: {}", trainer.string(), text);
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
  Json key = {{"version", build.version},
              {"git", build.git},
              {"model", to_json_fields(spec.model)},
              {"batch_tokens", spec.data.batch_tokens},
              {"precision", spec.precision},
              {"members", members_of(runs).size()},
              {"workers", setup.workers},
              {"threads", setup.threads},
              {"engine", setup.trainer.engine}};
  if (setup.device == DeviceKind::cuda) {
    key["cuda_device"] = setup.cuda_name;
    key["devices"] = setup.devices;
    key["graph"] = setup.trainer.graph;
  } else {
    key["processor"] = here;
  }
  if (setup.trainer.micro_tokens != 0) key["micro_tokens"] = setup.trainer.micro_tokens;
  return short_id(key);
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

Speed measure_speed(const fs::path& trainer, const Job& job, const WorkerSetup& setup) {
  const TemporaryFile file;
  write_json_file(file.path(), to_json(job));
  const bool cuda = setup.device == DeviceKind::cuda;
  std::vector<Measuring> processes;
  for (std::int64_t i = 0; i < std::max<std::int64_t>(1, setup.workers); ++i) {
    const bool choose = cuda && setup.devices > 1;
    std::map<std::string, std::string> variables;
    if (choose) variables["CUDA_VISIBLE_DEVICES"] = visible_device(i % setup.devices);
    processes.push_back(start(trainer, file.path(), std::move(variables)));
  }
  for (Measuring& process : processes) finish(process);
  Speed mean;
  const double share = 1 / static_cast<double>(processes.size());
  for (const Measuring& process : processes) {
    const Speed speed = speed_of(process, trainer, cuda);
    mean.start_s += share * speed.start_s;
    mean.member_step_s += share * speed.member_step_s;
    mean.eval_token_s += share * speed.eval_token_s;
    mean.engine = speed.engine;
  }
  return mean;
}

}  // namespace scalelaw::inline exec
