#pragma once
// A run of a small shape, for what jobs of it cost.
#include "records/records.hpp"

namespace scalelaw::testing {

inline RunSpec run(double lr, std::int64_t seed, std::int64_t steps) {
  RunSpec spec;
  spec.model.d_model = 32;
  spec.model.n_layer = 2;
  spec.model.d_head = 8;
  spec.model.n_head = 4;
  spec.model.d_ff = 128;
  spec.model.context = 32;
  spec.data.batch_tokens = 64;
  spec.data.tokens = 64 * steps;
  spec.data.eval_tokens = 1000;
  spec.optimizer.lr = lr;
  spec.optimizer.warmup_fraction = 5.0 / static_cast<double>(steps);  // 5 steps, so that all share a trunk
  spec.seed = seed;
  return spec;
}

}  // namespace scalelaw::testing
