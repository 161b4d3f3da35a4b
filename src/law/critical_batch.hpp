#pragma once
// What the batch size does to a law of optimizer steps (Kaplan et al. 2020, arXiv 2001.08361, sec. 5).
#include "law/laws.hpp"

namespace scalelaw::inline law {

/// Critical batch B_crit(L) = tokens / L^(1/alpha), tokens (Kaplan et al. 2020, eq. 5.3; the constants of Table 5).
struct CriticalBatch {
  double tokens = 2.1e8;
  double alpha = 0.21;
};
[[nodiscard]] double critical_batch_tokens(double loss_nats, const CriticalBatch& critical = {});
/// S_min = S / (1 + B_crit / B): steps that a batch far above the critical one would need (Kaplan et al. 2020,
/// eq. 5.4).
[[nodiscard]] double minimum_steps(double steps, double batch_tokens, double critical_batch_tokens);
/// Loss of a law of steps after point.steps steps of batch_tokens: the L that solves L = law(N, S_min(L)), for
/// kaplan-steps (Nc/N)^alphaN + (Sc/S_min(L))^alphaS. The right side falls with L, so there is exactly one. NaN without
/// steps.
[[nodiscard]] double predict_loss_at_batch(const Law& law, const LawPoint& point, double batch_tokens,
                                           const CriticalBatch& critical);

}  // namespace scalelaw::inline law
