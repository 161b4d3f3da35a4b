#include "alloc/allocate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alloc/measured.hpp"
#include "alloc/nearest_shape.hpp"
#include "alloc/optimum.hpp"
#include "fit/draws.hpp"
#include "law/optimum.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline alloc {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_request(const AllocationRequest& r) {
  const int given =
      int{r.flops.has_value()} + int{r.params.has_value()} + int{r.tokens.has_value()} + int{r.loss.has_value()};
  if (given != 1) {
    fail_config("allocate: {} of --flops, --params, --tokens and --loss are given; give exactly one", given);
  }
  const auto check = [](const std::optional<double>& value, const char* name) {
    if (value && !(std::isfinite(*value) && *value > 0)) {
      fail_config("allocate: --{} is {}; it must be positive and finite", name, *value);
    }
  };
  check(r.flops, "flops");
  check(r.params, "params");
  check(r.tokens, "tokens");
  check(r.loss, "loss");
  check(r.inference_tokens, "inference-tokens");
  check(r.unique_tokens, "unique-tokens");
  if ((r.params || r.tokens) && (r.inference_tokens || r.unique_tokens)) {
    fail_config("allocate: --inference-tokens and --unique-tokens go with --flops or --loss, not with a fixed {}",
                r.params ? "model" : "number of tokens");
  }
}

LifetimeConstraint constraint_of(const AllocationRequest& r) {
  return {.inference_tokens = r.inference_tokens.value_or(0), .unique_tokens = r.unique_tokens.value_or(0)};
}

Law law_for(const Law& law, const AllocationRequest& r) { return r.unique_tokens ? with_repetition(law) : law; }

/// The optimum asked for, or none where no compute gives it.
std::optional<Optimum> solve(const Law& law, const AllocationRequest& r) {
  const LifetimeConstraint constraint = constraint_of(r);
  const Law used = law_for(law, r);
  if (r.flops) return constrained_optimal(used, *r.flops, constraint);
  if (r.params) return optimum_with(used, OptimumQuantity::params, *r.params, constraint);
  if (r.tokens) return optimum_with(used, OptimumQuantity::tokens, *r.tokens, constraint);
  return optimum_with(used, OptimumQuantity::loss, *r.loss, constraint);
}

LawPoint point_of(const Allocation& a) { return {.params = a.params, .tokens = a.tokens, .flops = a.flops}; }

/// A law of N*(C) alone names no D, but the model it proposes has one.
std::vector<Outside> outside_of_proposal(const LawRange& range, LawKind kind, const Allocation& a) {
  return law_form(kind).predicts_size ? outside_in_any(range, point_of(a)) : outside(range, kind, point_of(a));
}

void add_shape(Allocation& a) {
  const ShapeFamily defaults = default_shape_family(a.params);
  const ShapeFamily& asked = a.given.shapes;
  a.shape = nearest_shape(a.params,
                          {.d_head = asked.d_head > 0 ? asked.d_head : defaults.d_head,
                           .vocab = asked.vocab > 0 ? asked.vocab : defaults.vocab,
                           .aspect = asked.aspect > 0 ? asked.aspect : defaults.aspect},
                          a.convention);
  a.shape_params = count_params(a.shape).counted(a.convention);
}

/// Errors (config): see allocate.
[[noreturn]] void fail_unreachable(const Law& law, const AllocationRequest& r) {
  if (!r.loss) {
    fail_config("allocate: no compute makes {} optimal under {}", r.params ? "this model" : "this many tokens",
                law.name);
  }
  // The largest budget whose loss is still a number: powers of far larger ones overflow. The least loss of a
  // law that may turn lies before that.
  double least = std::nan("");
  const bool monotone = !may_turn(law_for(law, r), constraint_of(r));
  for (double flops = 1e60; !(monotone && std::isfinite(least)) && flops > 1; flops /= 1e3) {
    least = std::fmin(least, constrained_optimal(law_for(law, r), flops, constraint_of(r)).loss_nats);
  }
  if (!std::isfinite(least)) fail_config("allocate: {} gives no loss at any budget; check its constants", law.name);
  if (least < *r.loss) {
    fail_config("allocate: a loss of {} nats is above what any budget gives under {}; give a lower --loss", *r.loss,
                law.name);
  }
  fail_config("allocate: no compute reaches a loss of {} nats under {}; its losses lie above {:.4f}{}", *r.loss,
              law.name, least, r.unique_tokens ? " with these unique tokens" : "");
}

/// Quantities of every draw, as long as each other.
struct Draws {
  std::vector<double> params, tokens, flops, ratio, loss;
};

void add_unreachable(Draws& draws, const Law& law, bool loss_asked) {
  draws.params.push_back(kInfinity);
  draws.tokens.push_back(kInfinity);
  draws.flops.push_back(kInfinity);
  const auto exponents = allocation_exponents(law);
  draws.ratio.push_back(exponents && exponents->b < exponents->a ? 0 : kInfinity);
  if (!loss_asked) draws.loss.push_back(kInfinity);
}

void add_intervals(Allocation& a, const FitResult& fit, const AllocationRequest& request) {
  Draws draws;
  Law law = fit.fitted;
  for (const std::vector<double>& draw : fit.bootstrap.draws) {
    law.values = draw;
    const std::optional<Optimum> optimum = solve(law, request);
    ++a.draws;
    if (!optimum || !std::isfinite(optimum->scale.params) || !std::isfinite(optimum->scale.tokens)) {
      ++a.unreachable;
      add_unreachable(draws, law, request.loss.has_value());
      continue;
    }
    draws.params.push_back(optimum->scale.params);
    draws.tokens.push_back(optimum->scale.tokens);
    draws.flops.push_back(optimum->flops);
    draws.ratio.push_back(optimum->scale.tokens / optimum->scale.params);
    if (!request.loss) draws.loss.push_back(optimum->loss_nats);
  }
  const double tail = interval_tail(fit);
  const auto add = [&](const char* name, const std::vector<double>& values) {
    const Interval interval = draws_interval(values, tail);
    if (std::isfinite(interval.low)) a.ci95[name] = interval;
  };
  if (!request.params) add("params", draws.params);
  if (!request.tokens) add("tokens", draws.tokens);
  if (!request.flops || request.inference_tokens) add("flops", draws.flops);
  add("tokens_per_param", draws.ratio);
  if (!request.loss && std::isfinite(a.loss_nats)) add("loss", draws.loss);
}

}  // namespace

Allocation allocate(const Law& law, const AllocationRequest& request) {
  check_request(request);
  if (law.form().predicts_size && (request.loss || request.inference_tokens || request.unique_tokens)) {
    fail_config(
        "allocate: the law '{}' gives the optimal size, not a loss, so --{} has no answer; take a law of the loss",
        law.name,
        request.loss               ? "loss"
        : request.inference_tokens ? "inference-tokens"
                                   : "unique-tokens");
  }
  const std::optional<Optimum> optimum = solve(law, request);
  if (!optimum) fail_unreachable(law, request);
  Allocation a;
  a.law = law.name;
  a.given = request;
  a.params = optimum->scale.params;
  a.tokens = optimum->scale.tokens;
  a.flops = optimum->flops;
  a.tokens_per_param = a.tokens / a.params;
  a.loss_nats = optimum->loss_nats;
  a.inference_flops = 2 * a.params * request.inference_tokens.value_or(0);
  if (request.inference_tokens) {
    LifetimeConstraint training_only = constraint_of(request);
    training_only.inference_tokens = 0;
    if (const auto plain = optimum_with(law_for(law, request), OptimumQuantity::loss, a.loss_nats, training_only)) {
      a.inference_saving =
          1 - (a.flops + a.inference_flops) / (plain->flops + 2 * plain->scale.params * *request.inference_tokens);
    }
  }
  a.convention = law.convention.params;
  a.outside = outside_of_proposal(law.range, law.kind, a);
  add_shape(a);
  return a;
}

Allocation allocate(const FitResult& fit, const AllocationRequest& request) {
  if (!fit.usable()) {
    fail_data(
        "allocate: the fit of the law '{}' did not converge (status {}{}{}); its constants say nothing about the data: "
        "add points, drop outliers or fix a constant (--fix), and fit again",
        law_form(fit.law).name, fit.convergence.status, fit.message.empty() ? "" : ": ", fit.message);
  }
  Allocation a = allocate(fit.fitted, request);
  a.fitted = true;
  a.loss_unit = fit.loss_unit;
  if (fit.of_few_points()) a.caution = fit.message;
  a.outside = outside_of_proposal(range_of(fit), fit.law, a);
  if (fit.flops_range.high > 0) a.extrapolation_factor = a.flops / fit.flops_range.high;
  if (!request.unique_tokens) a.measured_below = measured_below(fit, a.flops, a.loss_nats);
  if (fit.bootstrap.draws.size() >= kFewestDraws) add_intervals(a, fit, request);
  return a;
}

}  // namespace scalelaw::inline alloc
