#include "alloc/optimum.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <functional>

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

/// ln of two budgets with the value between them.
struct Bracket {
  double low = 0, high = 0, at_low = 0, at_high = 0;
};

/// All budgets; none where the value does not lie between those of the ends.
std::optional<Bracket> every_budget(const std::function<double(double)>& distance) {
  Bracket at{.low = std::log(kSmallestFlops), .high = std::log(kLargestFlops)};
  at.at_low = distance(at.low);
  at.at_high = distance(at.high);
  const bool numbers = std::isfinite(at.at_low) && std::isfinite(at.at_high);
  return numbers && (at.at_low > 0) != (at.at_high > 0) ? std::optional(at) : std::nullopt;
}

/// The first decade of budgets over which the distance changes its sign the way it should: a loss falls, sizes rise.
/// Where a loss turns up again within a decade, its least there counts.
std::optional<Bracket> first_crossing(const std::function<double(double)>& distance, bool falls) {
  const double decade = std::log(10.0);
  Bracket at{.low = std::log(kSmallestFlops)};
  at.at_low = distance(at.low);
  bool fell = false;
  for (; at.low < std::log(kLargestFlops); at.low = at.high, at.at_low = at.at_high) {
    at.high = at.low + decade;
    at.at_high = distance(at.high);
    if (!std::isfinite(at.at_low) || !std::isfinite(at.at_high)) continue;
    if (falls ? at.at_low > 0 && at.at_high <= 0 : at.at_low < 0 && at.at_high >= 0) return at;
    const bool rises = at.at_high > at.at_low;
    if (falls && fell && rises && at.at_low > 0) {
      const double before = at.low - decade;
      const auto [least, value] = boost::math::tools::brent_find_minima(distance, before, at.high, 26);
      if (value <= 0) return Bracket{.low = before, .high = least, .at_low = distance(before), .at_high = value};
    }
    fell = !rises;
  }
  return std::nullopt;
}

}  // namespace

bool may_turn(const Law& law, const LifetimeConstraint& constraint) {
  const LawForm& form = law.form();
  const bool rises = form.knows_repetition() && !form.has_decays();
  return !allocation_exponents(law) || (rises && constraint.unique_tokens > 0);
}

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
  // Where a changes with the budget, a larger model than the one without use may lie beyond a hump (law/farseer.cpp).
  if (!allocation_exponents(law)) high = std::min(high, low + std::log(1e4));
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
  const std::optional<Bracket> at =
      may_turn(law, constraint) ? first_crossing(distance, quantity == OptimumQuantity::loss) : every_budget(distance);
  if (!at) return std::nullopt;
  std::uintmax_t iterations = 300;
  const auto [left, right] = boost::math::tools::toms748_solve(
      distance, at->low, at->high, at->at_low, at->at_high, boost::math::tools::eps_tolerance<double>(50), iterations);
  return constrained_optimal(law, std::exp((left + right) / 2), constraint);
}

}  // namespace scalelaw::inline alloc
