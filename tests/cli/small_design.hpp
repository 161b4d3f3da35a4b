#pragma once
// A design of three isoFLOP budgets in the range of published laws, without its [simulation].
#include <string>

namespace scalelaw::test {

inline const std::string kSmallDesign = R"([model]
context = 2048
d_head = 64
vocab = 32768
[design]
budgets = [1e19, 1e20, 1e21]
sizes_per_budget = 5
optimum_coefficient = 0.045
optimum_exponent = 0.514
aspect_min = 32
aspect_max = 128
min_width = 256
learning_rates = [0.002]
lr_scale_exponent = 0.36
lr_reference_params = 1e9
batch_tokens = 524288
)";

}  // namespace scalelaw::test
