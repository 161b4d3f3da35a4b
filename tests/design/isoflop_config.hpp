#pragma once
// An isoFLOP design that says nothing but its budgets.
#include <vector>

#include "design/config.hpp"

namespace scalelaw {

inline StudyConfig isoflop(const std::vector<double>& budgets) {
  StudyConfig config;
  config.name = "test";
  config.design.budgets = budgets;
  return config;
}

}  // namespace scalelaw
