#pragma once
// Published exponents at a scale where the published amplitudes mean nothing.
#include <optional>
#include <vector>

#include "law/laws.hpp"
#include "records/observation.hpp"

namespace scalelaw {

/// The law with its exponents kept and its amplitudes (chinchilla, and data-constrained without repeats: E, A, B;
/// kaplan: Nc, Dc; power-n|d|c: X, and E where it is not 0) refitted to the points: the law is linear in them, so they
/// are the exact non-negative least squares solution of the relative errors, weighted by the points' weights. None for
/// other laws, for fewer points than amplitudes, or where an amplitude that an exponent acts on comes out as 0: then
/// that exponent has no meaning at these points.
[[nodiscard]] std::optional<Law> reanchor(const Law& law, const std::vector<Observation>& points);

}  // namespace scalelaw
