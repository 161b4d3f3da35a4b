#pragma once
// What a bootstrap draws anew.
#include "core/names.hpp"

namespace scalelaw::inline core {

/// Runs; groups of runs that are not independent; all runs of a shape; or losses around the fit, with noise that is
/// independent (parametric) or that shapes and trunks share (components). automatic: what the points call for.
enum class Resample { automatic, runs, groups, parametric, shapes, components };
constexpr std::array<std::string_view, 6> names_of(Resample) {
  return {"auto", "runs", "groups", "parametric", "shapes", "components"};
}

}  // namespace scalelaw::inline core
