#pragma once
// What a comparison has to say of how its sources count N.
#include <string>

#include "inference/comparison.hpp"

namespace scalelaw::inline inference {

/// What a reader has to know of the counts of N; empty for nothing.
[[nodiscard]] std::string counted_note(const Comparison& comparison);

}  // namespace scalelaw::inline inference
