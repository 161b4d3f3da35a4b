#pragma once
// Compute-optimal N and D under C = 6 N D.
#include <optional>

#include "law/laws.hpp"

namespace scalelaw::inline law {

/// Exponents of N*(C) ~ C^a and D*(C) ~ C^b. For chinchilla a = beta/(alpha+beta), b = alpha/(alpha+beta) (Hoffmann et
/// al. 2022, eq. 4). None where the law has no optimum over N and D.
[[nodiscard]] std::optional<AllocationExponents> allocation_exponents(const Law& law);

/// Compute-optimal N and D for C = 6 N D. Errors (config): a law without an optimum (power-n, power-d, ...).
struct Optimum {
  Scale scale;
  double flops = 0;
  double loss_nats = 0;  ///< NaN for a law that predicts sizes and knows no loss
};
[[nodiscard]] Optimum compute_optimal(const Law& law, double flops);
/// The same with at most `unique_tokens` different tokens (0 = no limit), so that more tokens mean repetition: only
/// laws that know repetition have a price for it; found numerically over N. Where the loss rises with the epochs that
/// may be a larger model on fewer tokens. Errors (config): another law with a limit below its D*.
[[nodiscard]] Optimum compute_optimal(const Law& law, double flops, double unique_tokens);

/// The law with repeats worth less: E + A/N'^alpha + B/D'^beta with the decay constants R_D* and R_N* of Muennighoff et
/// al. 2023 (arXiv 2305.16264) added to a chinchilla law; a law that knows repetition as it is. Errors (config): any
/// other law.
[[nodiscard]] Law with_repetition(const Law& law);

}  // namespace scalelaw::inline law
