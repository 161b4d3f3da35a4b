#include "alloc/optimum.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>

#include "law/optimum.hpp"
#include "os/error.hpp"

namespace scalelaw::inline alloc {
namespace {

constexpr double kSmallestFlops = 1e-6;
constexpr double kLargestFlops = 1e60;

double quantity_of(const Optimum& optimum, OptimumQuantity quantity) {
  switch (quantity) {
    case OptimumQuantity::params:
      return optimum.scale.params;
    case OptimumQuantity::tokens:
      return optimum.scale.tokens;
    case OptimumQuantity::loss:
      return optimum.loss_nats;
  }
  return std::nan("");
}

}  // namespace

Optimum constrained_optimal(const Law& law, double flops, const LifetimeConstraint& constraint) {
  const double inference = constraint.inference_tokens;
  if (inference <= 0) return compute_optimal(law, flops, constraint.unique_tokens);
  const auto tokens_at = [&](double params) { return (flops / params - 2 * inference) / 6; };
  const auto loss_at = [&](double log_params) {
    const double params = std::exp(log_params);
    return predict_loss(law, LawPoint{.params = params,
                                      .tokens = tokens_at(params),
                                      .flops = 6 * params * tokens_at(params),
                                      .unique_tokens = constraint.unique_tokens,
                                      .steps = 0});
  };
  // At the upper end use alone eats up nearly the whole budget. The optimum without use is larger than the one with it,
  // and four decades below both ends training is all but free.
  const double upper = std::log(flops / (2 * inference)) - 1e-9;
  double low = std::min(upper, std::log(compute_optimal(law, flops).scale.params)) - std::log(1e4);
  double high = upper;
  if (constraint.unique_tokens > 0) {  // repeats can make a second minimum: refine between the neighbours of the best
    constexpr int kScan = 200;
    const double step = (high - low) / kScan;
    int best = 1;
    for (int i = 2; i < kScan; ++i) {
      if (loss_at(low + i * step) < loss_at(low + best * step)) best = i;
    }
    high = low + (best + 1) * step;
    low += (best - 1) * step;
  }
  std::uintmax_t iterations = 500;
  const auto [log_params, loss] = boost::math::tools::brent_find_minima(loss_at, low, high, 52, iterations);
  Optimum optimum;
  optimum.scale.params = std::exp(log_params);
  optimum.scale.tokens = tokens_at(optimum.scale.params);
  optimum.flops = 6 * optimum.scale.params * optimum.scale.tokens;
  optimum.loss_nats = loss;
  return optimum;
}

std::optional<Optimum> optimum_with(const Law& law, OptimumQuantity quantity, double value,
                                    const LifetimeConstraint& constraint) {
  // Logarithms of a power law are straight lines, which the root finder likes. The loss falls towards its floor.
  const auto distance = [&](double log_flops) {
    return std::log(quantity_of(constrained_optimal(law, std::exp(log_flops), constraint), quantity)) - std::log(value);
  };
  const double low = std::log(kSmallestFlops);
  const double high = std::log(kLargestFlops);
  const double at_low = distance(low);
  const double at_high = distance(high);
  if (!(std::isfinite(at_low) && std::isfinite(at_high)) || (at_low > 0) == (at_high > 0)) return std::nullopt;
  std::uintmax_t iterations = 300;
  const auto [left, right] = boost::math::tools::toms748_solve(
      distance, low, high, at_low, at_high, boost::math::tools::eps_tolerance<double>(50), iterations);
  return constrained_optimal(law, std::exp((left + right) / 2), constraint);
}

}  // namespace scalelaw::inline alloc
