#pragma once
// What a bootstrap draws anew.
#include "core/names.hpp"

namespace scalelaw::inline core {

/// Runs, groups of runs that are not independent, or losses around the fit; automatic: what the points call for.
enum class Resample { automatic, runs, groups, parametric };
constexpr std::array<std::string_view, 4> names_of(Resample) { return {"auto", "runs", "groups", "parametric"}; }

}  // namespace scalelaw::inline core
