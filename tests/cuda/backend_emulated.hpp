#pragma once
// Settings of the backend that stands in for CUDA: the kernels on the emulator, LibTorch's part on a device of the
// host.
#include <algorithm>
#include <cstdint>
#include <string>

namespace scalelaw::cuda::emulated {

constexpr int kGraphCommands = 32;  ///< what every recorded graph claims to hold

struct Settings {
  std::string torch_device = "cpu";  ///< or "meta": tensors without values, and kernels are not run
  std::string capture_error;         ///< not empty: recording a graph fails with this
  int launches = 0, captures = 0, replays = 0;
};
/// Of this process.
Settings& settings();

/// Bytes of the device, as far as they are reported.
struct Memory {
  std::int64_t now = 0, peak = 0;
  void add(std::int64_t bytes) {
    now += bytes;
    peak = std::max(peak, now);
  }
};
Memory& memory();

}  // namespace scalelaw::cuda::emulated
