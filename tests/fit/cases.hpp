#pragma once
// Inputs that once failed: tests/data/cases.
#include "records/observation.hpp"

namespace scalelaw::test {

inline std::vector<Observation> case_points(const std::string& name) {
  return read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests" / "data" / "cases" / name);
}

}  // namespace scalelaw::test
