#include "alloc/predict.hpp"

#include <cmath>

#include "alloc/optimum.hpp"
#include "core/format.hpp"
#include "fit/draws.hpp"

namespace scalelaw {
namespace {

Law law_for(const Law& law, const LawPoint& point) { return point.unique_tokens > 0 ? with_repetition(law) : law; }

}  // namespace

Prediction predict(const Law& law, const LawPoint& point) {
  const auto check = [](double value, const char* name) {
    if (!(std::isfinite(value) && value > 0)) {
      fail_config("predict: --{} is {}; it must be positive and finite", name, value);
    }
  };
  check(point.params, "params");
  check(point.tokens, "tokens");
  if (law.kind == LawKind::optimal) {
    fail_config("predict: the law '{}' gives the optimal size, not a loss; take a law of the loss", law.name);
  }
  if (law.kind == LawKind::kaplan_steps) check(point.steps, "steps");

  Prediction prediction;
  prediction.law = law.name;
  prediction.point = point;
  prediction.point.flops = 6 * point.params * point.tokens;
  prediction.loss_nats = predict_loss(law_for(law, point), prediction.point);
  prediction.convention = law.convention.params;
  if (!std::isfinite(prediction.loss_nats)) {
    fail_data("predict: the loss of '{}' is not finite at N = {}, D = {}; check its constants", law.name, point.params,
              point.tokens);
  }
  return prediction;
}

Prediction predict(const FitResult& fit, const LawPoint& point) {
  if (!fit.converged()) {
    fail_data(
        "predict: the fit of the law '{}' did not converge (status {}); its constants say nothing about the data: "
        "add points, drop outliers or fix a constant (--fix), and fit again",
        law_info(fit.law).name, fit.convergence.status);
  }
  Prediction prediction = predict(fit.fitted, point);
  if (fit.flops_range.high > 0) prediction.extrapolation_factor = prediction.point.flops / fit.flops_range.high;
  if (fit.bootstrap.draws.size() < kFewestDraws) return prediction;
  std::vector<double> losses;
  Law law = fit.fitted;
  for (const std::vector<double>& draw : fit.bootstrap.draws) {
    law.values = draw;
    losses.push_back(predict_loss(law_for(law, point), prediction.point));
  }
  prediction.ci95 = draws_interval(losses, interval_tail(fit));
  return prediction;
}

Json to_json(const Prediction& p) {
  Json ci95 = Json::object();
  if (p.ci95) ci95["loss"] = {finite_or_null(p.ci95->low), finite_or_null(p.ci95->high)};
  Json value = {{"schema", "scalelaw.prediction/1"},
                {"law", p.law},
                {"convention", p.convention},
                {"params", p.point.params},
                {"tokens", p.point.tokens},
                {"flops", p.point.flops},
                {"tokens_per_param", p.point.tokens / p.point.params},
                {"loss", finite_or_null(p.loss_nats)},
                {"ci95", ci95},
                {"extrapolation_factor", p.extrapolation_factor > 0 ? Json(p.extrapolation_factor) : Json(nullptr)}};
  if (p.point.unique_tokens > 0) value["unique_tokens"] = p.point.unique_tokens;
  if (p.point.steps > 0) value["steps"] = p.point.steps;
  return value;
}

std::string describe(const Prediction& p) {
  std::string text = fmt::format("{}: loss {:.4f} nats per token", p.law, p.loss_nats);
  if (p.ci95) text += fmt::format(" [{:.4f}, {:.4f}] (95 % of the bootstrap)", p.ci95->low, p.ci95->high);
  text += fmt::format(" at N = {} ({}), D = {}, 6ND = {:.4g} FLOPs, D/N = {:.3g}\n", short_count(p.point.params),
                      p.convention, short_count(p.point.tokens), p.point.flops, p.point.tokens / p.point.params);
  if (p.extrapolation_factor > 1) {
    text += fmt::format(
        "warning: this lies {} times beyond the largest run behind the fit; the interval says nothing "
        "about a law that bends there\n",
        factor_text(p.extrapolation_factor));
  }
  return text;
}

}  // namespace scalelaw
