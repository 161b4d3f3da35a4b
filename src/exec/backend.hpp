#pragma once
// Where the runs of a study are made: trained on a device, trained by another program, or simulated.
#include <filesystem>
#include <string>
#include <vector>

#include "design/config.hpp"

namespace scalelaw::inline exec {

/// What this machine offers.
struct Environment {
  std::filesystem::path cpu_trainer;   ///< scalelaw-trainer; empty if it is not there
  std::filesystem::path cuda_trainer;  ///< scalelaw-trainer-cuda; empty if it is not there
  std::int64_t cuda_devices = 0;
  std::int64_t cores = 1;   ///< that this process may use
  bool amx_bf16 = false;    ///< cpu_has_amx_bf16
  double memory_bytes = 0;  ///< that this process may use; 0 = unknown
  double device_bytes = 0;  ///< memory of the smallest CUDA device; 0 = unknown
  /// Of the CUDA devices, as nvidia-smi lists it; empty where there is none.
  std::string cuda_name = {};
};
/// Looks for the trainers beside the running program and for CUDA devices (nvidia-smi, else /dev/nvidia0).
[[nodiscard]] Environment probe_environment();

/// The name to give a worker in CUDA_VISIBLE_DEVICES for the index-th device: where the user has set that variable, the
/// index-th of theirs.
[[nodiscard]] std::string visible_device(std::int64_t index);

struct BackendChoice {
  bool simulate = false;
  DeviceKind device = DeviceKind::cpu;  ///< for training
  std::vector<std::string> command;     ///< program and arguments, with {job} and {out} to be replaced
  std::int64_t workers = 1;
  std::string note;      ///< one line for the user; empty where the choice was asked for outright
  std::string fallback;  ///< why an automatic choice simulates: "no CUDA device here"; else empty
};

/// Whether a study of kind train or auto trains on CUDA: asked for, or possible where the device is auto.
[[nodiscard]] bool trains_on_cuda(const BackendConfig& backend, const Environment& environment);

/// Processes that train at once on a CPU: backend.workers, or as many as the cores give threads to.
[[nodiscard]] std::int64_t cpu_workers(const BackendConfig& backend, std::int64_t threads_per_worker,
                                       const Environment& environment);

/// Bytes that one of `workers` CPU workers may take: an equal share of backend.memory_mib, or else of nine tenths of
/// the memory here; 0 where that is unknown.
[[nodiscard]] double worker_bytes(const BackendConfig& backend, std::int64_t workers, const Environment& environment);

/// Processes that train at once on CUDA: backend.workers, or backend.jobs_per_device on every device here (on one where
/// there is none, for a plan).
[[nodiscard]] std::int64_t cuda_workers(const BackendConfig& backend, const Environment& environment);

/// Processes that share one CUDA device: backend.workers spread over the devices, or backend.jobs_per_device.
[[nodiscard]] std::int64_t jobs_per_device(const BackendConfig& backend, const Environment& environment);

/// Bytes of a CUDA device that one process may take: an equal share of backend.device_memory_mib, or else of nine
/// tenths of the smallest device here; 0 where that is unknown.
[[nodiscard]] double device_share_bytes(const BackendConfig& backend, const Environment& environment);

/// What choose_backend would choose if every trainer were built: all but the command. For a plan, which may be made on
/// another machine than that of the study.
[[nodiscard]] BackendChoice planned_backend(const BackendConfig& backend, std::int64_t threads_per_worker,
                                            const Environment& environment);
/// "simulated with besiroglu2024, nothing is trained" or "trained on cpu, 2 workers", as every command names it.
[[nodiscard]] std::string describe(const BackendChoice& choice, const StudyConfig& config);

/// Errors (environment): a trainer that is not built; a CUDA device asked for and not there.
[[nodiscard]] BackendChoice choose_backend(const BackendConfig& backend, std::int64_t threads_per_worker,
                                           const Environment& environment);

}  // namespace scalelaw::inline exec
