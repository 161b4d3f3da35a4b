#include "exec/backend.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "os/command.hpp"
#include "os/cpu.hpp"
#include "os/files.hpp"
#include "os/memory.hpp"

namespace scalelaw::inline exec {
namespace {

namespace fs = std::filesystem;

fs::path sibling(const char* name) {
  const fs::path path = program_folder() / name;
  std::error_code error;
  return fs::is_regular_file(path, error) ? path : fs::path();
}

/// Lines that nvidia-smi prints; none where it is not there or fails.
std::vector<std::string> nvidia_smi(const std::string& arguments) {
  CommandOutput output = run_command("nvidia-smi " + arguments);
  return output.status == 0 ? std::move(output.lines) : std::vector<std::string>{};
}

std::int64_t count_cuda_devices() {
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr) {
    const std::string list = visible;
    if (list.empty() || list == "-1") return 0;
  }
  std::int64_t devices = 0;
  for (const std::string& line : nvidia_smi("-L")) devices += line.starts_with("GPU ") ? 1 : 0;
  std::error_code error;
  if (devices == 0 && fs::exists("/dev/nvidia0", error)) devices = 1;
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr && devices > 0) {
    const std::string list = visible;
    devices = std::min<std::int64_t>(devices, 1 + std::ranges::count(list, ','));
  }
  return devices;
}

/// Of the smallest device that nvidia-smi lists; 0 where it names no size, as for one that shares the host's memory.
double least_device_memory() {
  constexpr double kMib = 1048576;
  double least = 0;
  for (const std::string& line : nvidia_smi("--query-gpu=memory.total --format=csv,noheader,nounits")) {
    const double bytes = kMib * std::strtod(line.c_str(), nullptr);
    if (bytes > 0) least = least > 0 ? std::min(least, bytes) : bytes;
  }
  return least;
}

/// "NVIDIA H100 80GB HBM3"; devices of several kinds joined by " and "; "CUDA device" where nvidia-smi names none.
std::string device_name() {
  std::vector<std::string> names;
  for (const std::string& name : nvidia_smi("--query-gpu=name --format=csv,noheader")) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names.empty() ? "CUDA device" : fmt::format("{}", fmt::join(names, " and "));
}

constexpr const char* kBuildCpu = "scripts/setup.sh, cmake --preset release, cmake --build --preset release";
constexpr const char* kBuildCuda = "scripts/setup.sh --cuda, cmake --preset cuda, cmake --build --preset cuda";

/// Bytes for each of `processes`: of `mib` if that is not 0, else of nine tenths of what is there.
double share(std::int64_t mib, double there, std::int64_t processes) {
  constexpr double kMib = 1048576, kShare = 0.9;
  const double all = mib > 0 ? kMib * static_cast<double>(mib) : kShare * there;
  return all / static_cast<double>(std::max<std::int64_t>(1, processes));
}

/// Errors (environment): the trainer is not built.
std::vector<std::string> trainer_command(DeviceKind device, const Environment& environment) {
  const bool cuda = device == DeviceKind::cuda;
  const fs::path& trainer = cuda ? environment.cuda_trainer : environment.cpu_trainer;
  if (trainer.empty()) {
    fail_device(
        "{} is not beside this program, so nothing can be trained on {}; build it with {}, or use --backend simulate",
        cuda ? "scalelaw-trainer-cuda" : "scalelaw-trainer", cuda ? "CUDA" : "the CPU", cuda ? kBuildCuda : kBuildCpu);
  }
  return {trainer.string(), "--job", "{job}", "--out", "{out}"};
}

}  // namespace

Environment probe_environment() {
  const std::int64_t devices = count_cuda_devices();
  return {.cpu_trainer = sibling("scalelaw-trainer"),
          .cuda_trainer = sibling("scalelaw-trainer-cuda"),
          .cuda_devices = devices,
          .cores = usable_cores(),
          .amx_bf16 = cpu_has_amx_bf16(),
          .memory_bytes = usable_memory(),
          .device_bytes = devices > 0 ? least_device_memory() : 0,
          .cuda_name = devices > 0 ? device_name() : ""};
}

bool trains_on_cuda(const BackendConfig& backend, const Environment& environment) {
  return backend.device == AskedDevice::cuda || (backend.device == AskedDevice::automatic &&
                                                 environment.cuda_devices > 0 && !environment.cuda_trainer.empty());
}

std::int64_t cpu_workers(const BackendConfig& backend, std::int64_t threads_per_worker,
                         const Environment& environment) {
  return backend.workers > 0 ? backend.workers : std::max<std::int64_t>(1, environment.cores / threads_per_worker);
}

double worker_bytes(const BackendConfig& backend, std::int64_t workers, const Environment& environment) {
  return share(backend.memory_mib, environment.memory_bytes, workers);
}

std::int64_t cuda_workers(const BackendConfig& backend, const Environment& environment) {
  if (backend.workers > 0) return backend.workers;
  return std::max<std::int64_t>(1, environment.cuda_devices) * backend.jobs_per_device;
}

std::int64_t jobs_per_device(const BackendConfig& backend, const Environment& environment) {
  const std::int64_t devices = std::max<std::int64_t>(1, environment.cuda_devices);
  return backend.workers > 0 ? (backend.workers + devices - 1) / devices : backend.jobs_per_device;
}

double device_share_bytes(const BackendConfig& backend, const Environment& environment) {
  return share(backend.device_memory_mib, environment.device_bytes, jobs_per_device(backend, environment));
}

std::string visible_device(std::int64_t index) {
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  std::istringstream list(visible == nullptr ? "" : visible);
  std::string name;
  for (std::int64_t i = 0; std::getline(list, name, ','); ++i) {
    if (i == index) return name;
  }
  return std::to_string(index);
}

BackendChoice planned_backend(const BackendConfig& backend, std::int64_t threads_per_worker,
                              const Environment& environment) {
  BackendChoice choice;
  if (backend.kind == BackendKind::simulate) {
    choice.simulate = true;
    return choice;
  }
  const bool cuda = backend.kind == BackendKind::command
                        ? backend.device == AskedDevice::cuda ||
                              (backend.device == AskedDevice::automatic && environment.cuda_devices > 0)
                        : trains_on_cuda(backend, environment);
  if (backend.kind == BackendKind::automatic && !cuda) {
    choice.simulate = true;
    choice.fallback = backend.device == AskedDevice::cpu ? "device is cpu, and auto trains on CUDA only"
                      : environment.cuda_devices == 0    ? "no CUDA device here"
                                                         : "a CUDA device, but scalelaw-trainer-cuda is not built";
    return choice;
  }
  choice.device = cuda ? DeviceKind::cuda : DeviceKind::cpu;
  choice.workers = cuda ? cuda_workers(backend, environment) : cpu_workers(backend, threads_per_worker, environment);
  if (backend.kind == BackendKind::command) choice.command = backend.command;
  if (backend.kind == BackendKind::automatic) {
    choice.note = fmt::format("backend auto: training on {} CUDA device{}", environment.cuda_devices,
                              environment.cuda_devices == 1 ? "" : "s");
  }
  return choice;
}

std::string describe(const BackendChoice& choice, const StudyConfig& config) {
  if (choice.simulate) return fmt::format("SIMULATED with {}, nothing is trained", config.simulation.law);
  return fmt::format("{} on {}, {} worker{}", config.backend.kind == BackendKind::command ? "command" : "trained",
                     choice.device, choice.workers, choice.workers == 1 ? "" : "s");
}

BackendChoice choose_backend(const BackendConfig& backend, std::int64_t threads_per_worker,
                             const Environment& environment) {
  if (backend.device == AskedDevice::cuda &&
      (backend.kind == BackendKind::train || backend.kind == BackendKind::automatic) && environment.cuda_devices == 0) {
    fail_device("no CUDA device was found (nvidia-smi lists none); use --device cpu to train on the CPU");
  }
  BackendChoice choice = planned_backend(backend, threads_per_worker, environment);
  if (!choice.simulate && backend.kind != BackendKind::command)
    choice.command = trainer_command(choice.device, environment);
  return choice;
}

}  // namespace scalelaw::inline exec
