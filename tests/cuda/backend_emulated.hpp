#pragma once
// Settings of the backend that stands in for CUDA: the kernels on the emulator, LibTorch's part on a device of the
// host.
#include <string>

namespace scalelaw::cuda::emulated {

struct Settings {
  std::string torch_device = "cpu";  ///< or "meta": tensors without values, and kernels are not run
  std::string capture_error;         ///< not empty: recording a graph fails with this
  int launches = 0, captures = 0, replays = 0;
};
/// Of this process.
Settings& settings();

}  // namespace scalelaw::cuda::emulated
