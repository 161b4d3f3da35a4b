#pragma once
// The Python of cross-checks.
#include <cstdlib>
#include <filesystem>
#include <string>

namespace scalelaw {

/// $SCALELAW_PYTHON, the project's own environment (scripts/setup.sh --tests), or python3.
inline std::string test_python() {
  if (const char* given = std::getenv("SCALELAW_PYTHON")) return given;
  const std::filesystem::path own = std::filesystem::path(SCALELAW_SOURCE_DIR) / ".venv/bin/python";
  return std::filesystem::exists(own) ? own.string() : "python3";
}

}  // namespace scalelaw
