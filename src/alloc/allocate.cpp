#include "alloc/allocate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "alloc/optimum.hpp"
#include "fit/draws.hpp"
#include "law/shape.hpp"

namespace scalelaw {
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

void add_shape(Allocation& a) {
  const ShapeFamily defaults = default_shape_family(a.params);
  const ShapeFamily& asked = a.given.shapes;
  a.shape = nearest_shape(a.params, asked.d_head > 0 ? asked.d_head : defaults.d_head,
                          asked.vocab > 0 ? asked.vocab : defaults.vocab,
                          asked.aspect > 0 ? asked.aspect : defaults.aspect, a.convention);
  const ParamCounts counts = count_params(a.shape);
  a.shape_params = a.convention == "non_embedding" ? counts.non_embedding
                   : a.convention == "effective"   ? counts.effective
                                                   : counts.total;
}

}  // namespace

Allocation allocate(const Law& law, const AllocationRequest& request) {
  check_request(request);
  const std::optional<Optimum> optimum = solve(law, request);
  if (!optimum) {
    if (request.loss) {
      fail_config("allocate: no compute reaches a loss of {} nats under {}; its losses lie above {:.4f}{}",
                  *request.loss, law.name,
                  constrained_optimal(law_for(law, request), 1e60, constraint_of(request)).loss_nats,
                  request.unique_tokens ? " with these unique tokens" : "");
    }
    fail_config("allocate: no compute makes {} optimal under {}", request.params ? "this model" : "this many tokens",
                law.name);
  }
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
  add_shape(a);
  return a;
}

Allocation allocate(const FitResult& fit, const AllocationRequest& request) {
  if (!fit.converged()) {
    fail_data(
        "allocate: the fit of the law '{}' did not converge (status {}{}{}); its constants say nothing about the data: "
        "add points, drop outliers or fix a constant (--fix), and fit again",
        law_info(fit.law).name, fit.convergence.status, fit.message.empty() ? "" : ": ", fit.message);
  }
  Allocation a = allocate(fit.fitted, request);
  if (fit.flops_range.high > 0) a.extrapolation_factor = a.flops / fit.flops_range.high;
  if (fit.bootstrap.draws.size() < kFewestDraws) return a;

  const double tail = interval_tail(fit);
  std::vector<double> params, tokens, flops, ratio, loss;
  Law law = fit.fitted;
  for (const std::vector<double>& draw : fit.bootstrap.draws) {
    law.values = draw;
    const std::optional<Optimum> optimum = solve(law, request);
    if (optimum) {
      ratio.push_back(optimum->scale.tokens / optimum->scale.params);
      loss.push_back(optimum->loss_nats);
    }
    params.push_back(optimum ? optimum->scale.params : kInfinity);
    tokens.push_back(optimum ? optimum->scale.tokens : kInfinity);
    flops.push_back(optimum ? optimum->flops : kInfinity);
  }
  if (!request.params) a.ci95["params"] = draws_interval(params, tail);
  if (!request.tokens) a.ci95["tokens"] = draws_interval(tokens, tail);
  if (!request.flops || request.inference_tokens) a.ci95["flops"] = draws_interval(flops, tail);
  a.ci95["tokens_per_param"] = draws_interval(ratio, tail);
  if (!request.loss) a.ci95["loss"] = draws_interval(loss, tail);
  return a;
}

}  // namespace scalelaw
