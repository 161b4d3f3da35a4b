#include "train/schedule.hpp"

#include <cmath>
#include <numbers>

namespace scalelaw::inline train {

double learning_rate(const RunSpec& spec, std::int64_t step) {
  const double peak = spec.optimizer.lr;
  const std::int64_t steps = run_steps(spec), warmup = warmup_steps(spec), cooldown = cooldown_steps(spec);
  if (step < warmup) return peak * static_cast<double>(step + 1) / static_cast<double>(warmup);
  const ScheduleKind kind = spec.schedule.kind;
  const std::int64_t begin = kind == ScheduleKind::trunk_cooldown ? steps - cooldown : warmup;
  if (kind == ScheduleKind::constant || step < begin) return peak;
  const double done = static_cast<double>(step + 1 - begin) / static_cast<double>(steps - begin);
  const double floor = spec.schedule.min_lr_fraction;
  double shape = 0;
  if (kind == ScheduleKind::trunk_cooldown) {
    shape = 1 - std::sqrt(done);
  } else if (kind == ScheduleKind::cosine) {
    shape = (1 + std::cos(std::numbers::pi * done)) / 2;
  } else {
    shape = 1 - done;  // linear
  }
  return peak * (floor + (1 - floor) * shape);
}

double beta2_of(const RunSpec& spec) {
  const double half_life = spec.optimizer.beta2_half_life_tokens;
  if (half_life <= 0) return spec.optimizer.beta2;
  return std::exp2(-static_cast<double>(spec.data.batch_tokens) / half_life);
}

}  // namespace scalelaw::inline train
