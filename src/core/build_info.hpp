#pragma once
#include <string>

namespace scalelaw::inline core {

/// What was built: set by CMake.
struct BuildInfo {
  std::string version;    ///< "0.1.0"
  std::string git;        ///< commit, "-dirty" if the tree had changes; empty outside a repository
  std::string compiler;   ///< "GNU 12.2.0"
  std::string type;       ///< "Release"
  bool training = false;  ///< with the trainer; a light build (SCALELAW_TRAINING=OFF) has none
};
[[nodiscard]] BuildInfo build_info();

}  // namespace scalelaw::inline core
