#pragma once
// Learning rates as pure functions of the step.
#include "records/records.hpp"

namespace scalelaw::inline train {

/// Learning rate of step 0 .. run_steps(spec)-1. Linear warmup lr (step + 1) / warmup over the first warmup_steps, then
/// with u in (0, 1] the share done of what follows and floor = min_lr_fraction, lr times
///   trunk_cooldown: 1, then floor + (1 - floor)(1 - sqrt(u)) over the last cooldown_steps
///   cosine: floor + (1 - floor)(1 + cos(pi u)) / 2      linear: floor + (1 - floor)(1 - u)      constant: 1
/// Sources: Haegele et al. 2024 (arXiv 2405.18392) eq. 1 and sec. 4 for the cooldown; Loshchilov and Hutter 2017 (arXiv
/// 1608.03983) for the cosine. The last step has u = 1 and so, with floor 0, a rate of 0 for every decaying kind.
[[nodiscard]] double learning_rate(const RunSpec& spec, std::int64_t step);

/// beta2 per step: optimizer.beta2, or 2^(-batch_tokens / half life) where a half-life is given.
[[nodiscard]] double beta2_of(const RunSpec& spec);

}  // namespace scalelaw::inline train
