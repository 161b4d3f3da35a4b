#pragma once
// A law or a fit and a budget -> how many parameters and tokens.
#include <optional>
#include <vector>

#include "fit/fit.hpp"

namespace scalelaw {

/// Exactly one of the first four is set.
struct AllocationRequest {
  std::optional<double> flops;   ///< compute budget
  std::optional<double> params;  ///< fixed model: the tokens (and compute) for which it is compute-optimal
  std::optional<double> tokens;  ///< fixed data: likewise the model
  std::optional<double> loss;    ///< target loss, nats: the cheapest compute that reaches it
};

struct Allocation {
  std::string law;
  AllocationRequest given;
  double params = 0, tokens = 0, flops = 0, tokens_per_param = 0, loss_nats = 0;
  std::map<std::string, Interval> ci95;  ///< params, tokens, tokens_per_param, loss; empty without a bootstrap
  double extrapolation_factor = 0;       ///< flops / largest flops of the data; 0 where the data are unknown
  ModelSpec shape;                       ///< nearest buildable shape
  std::int64_t shape_params = 0;
};

/// Errors (config): not exactly one request; a target loss at or below E; a law without an optimum.
[[nodiscard]] Allocation allocate(const FitResult& fit, const AllocationRequest& request);
[[nodiscard]] Allocation allocate(const Law& law, const AllocationRequest& request);
[[nodiscard]] Json to_json(const Allocation& allocation);
[[nodiscard]] std::string describe(const std::vector<Allocation>& allocations);

/// Shape on a ladder (aspect d_model / n_layer near `aspect`, heads of d_head) whose total parameters are nearest in ratio.
[[nodiscard]] ModelSpec nearest_shape(double params, std::int64_t d_head, std::int64_t vocab, double aspect);

}  // namespace scalelaw
