#pragma once
// Published exponents at a scale where the published amplitudes mean nothing.
#include <optional>
#include <vector>

#include "law/laws.hpp"
#include "records/observation.hpp"

namespace scalelaw::inline sim {

/// The law with its exponents kept and its amplitudes and offset refitted to the points (an offset that the law was
/// fitted without stays 0): the law, or its power, is linear in them (LawForm::linear), so they are the exact
/// non-negative least squares solution of the relative errors, weighted by the points' weights. None where the law is
/// not linear in them (a law of steps, of sizes, or with decays at points that repeat data), for fewer points than
/// amplitudes, or where an amplitude that an exponent acts on comes out as 0: then that exponent has no meaning at
/// these points.
[[nodiscard]] std::optional<Law> reanchor(const Law& law, const std::vector<Observation>& points);

}  // namespace scalelaw::inline sim
