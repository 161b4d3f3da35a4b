#pragma once
// Whether the CUDA trainer can use the device: asked of the trainer itself, since only it has the CUDA runtime.
#include <filesystem>
#include <string>

namespace scalelaw::inline exec {

struct DeviceCheck {
  bool usable = false;
  std::string detail;  ///< the device's name, or one line: why it cannot be used, and what to do
};

/// Starts the trainer with --check-device, which takes the first visible device as a job does: some seconds.
[[nodiscard]] DeviceCheck check_cuda_device(const std::filesystem::path& trainer);

}  // namespace scalelaw::inline exec
