#include "alloc/predict.hpp"

#include <cmath>

#include <fmt/ranges.h>

#include "alloc/measured.hpp"
#include "alloc/optimum.hpp"
#include "core/format.hpp"
#include "fit/draws.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline alloc {
namespace {

Law law_for(const Law& law, const LawPoint& point) { return point.unique_tokens > 0 ? with_repetition(law) : law; }

/// The point with what follows from it; errors (config) name what the law needs and the point lacks.
LawPoint checked(const Law& law, LawPoint point) {
  const auto check = [&](double value, const char* name, bool needed) {
    if (value == 0 && !needed) return;
    if (!(std::isfinite(value) && value > 0)) {
      if (value == 0) {
        fail_config("predict: --{} is missing: the law '{}' is {}", name, law.name, law.form().formula);
      }
      fail_config("predict: --{} is {}; it must be positive and finite", name, value);
    }
  };
  const LawForm& form = law.form();
  const bool both = point.params > 0 && point.tokens > 0;
  check(point.params, "params", form.needs(Quantity::params));
  check(point.tokens, "tokens", form.needs(Quantity::tokens));
  check(point.steps, "steps", form.needs(Quantity::steps));
  check(point.flops, "flops", form.needs(Quantity::flops) && !both);
  if (both) {
    const double flops = 6 * point.params * point.tokens;
    if (point.flops > 0 && std::abs(std::log(point.flops / flops)) > 0.01) {
      fail_config("predict: --flops {:.4g} is not 6 N D = {:.4g} of --params and --tokens; leave one of them out",
                  point.flops, flops);
    }
    point.flops = flops;
  }
  return point;
}

}  // namespace

Prediction predict(const Law& law, const LawPoint& point) {
  if (law.form().predicts_size) {
    fail_config("predict: the law '{}' gives the optimal size, not a loss; take a law of the loss", law.name);
  }
  Prediction prediction;
  prediction.law = law.name;
  prediction.point = checked(law, point);
  prediction.loss_nats = predict_loss(law_for(law, point), prediction.point);
  prediction.convention = law.convention.params;
  if (!std::isfinite(prediction.loss_nats)) {
    fail_data("predict: the loss of '{}' is not finite at N = {}, D = {}; check its constants", law.name, point.params,
              point.tokens);
  }
  prediction.outside = outside(law.range, law.kind, prediction.point);
  return prediction;
}

Prediction predict(const FitResult& fit, const LawPoint& point) {
  if (!fit.usable()) {
    fail_data(
        "predict: the fit of the law '{}' did not converge (status {}); its constants say nothing about the data: "
        "add points, drop outliers or fix a constant (--fix), and fit again",
        law_form(fit.law).name, fit.convergence.status);
  }
  Prediction prediction = predict(fit.fitted, point);
  prediction.fitted = true;
  prediction.loss_unit = fit.loss_unit;
  if (fit.of_few_points()) prediction.caution = fit.message;
  prediction.outside = outside(range_of(fit), fit.law, prediction.point);
  if (fit.flops_range.high > 0 && prediction.point.flops > 0) {
    prediction.extrapolation_factor = prediction.point.flops / fit.flops_range.high;
  }
  if (fit.bootstrap.draws.size() < kFewestDraws) return prediction;
  std::vector<double> losses;
  Law law = fit.fitted;
  for (const std::vector<double>& draw : fit.bootstrap.draws) {
    law.values = draw;
    const double loss = predict_loss(law_for(law, point), prediction.point);
    if (std::isfinite(loss)) {
      losses.push_back(loss);
    } else {
      ++prediction.lost_draws;
    }
  }
  if (losses.size() >= kFewestDraws) prediction.ci95 = draws_interval(losses, interval_tail(fit));
  return prediction;
}

Json to_json(const Prediction& p) {
  const auto known = [](double x) { return x > 0 ? Json(x) : Json(nullptr); };
  Json ci95 = Json::object();
  if (p.ci95) ci95["loss"] = {finite_or_null(p.ci95->low), finite_or_null(p.ci95->high)};
  Json value = {{"schema", "scalelaw.prediction/1"},
                {"law", p.law},
                {"convention", p.convention},
                {"params", known(p.point.params)},
                {"tokens", known(p.point.tokens)},
                {"flops", known(p.point.flops)},
                {"tokens_per_param", known(p.point.params > 0 ? p.point.tokens / p.point.params : 0)},
                {"loss", finite_or_null(p.loss_nats)},
                {"ci95", ci95},
                {"lost_draws", p.lost_draws},
                {"extrapolation_factor", known(p.extrapolation_factor)},
                {"outside", to_json(p.outside)}};
  if (p.point.unique_tokens > 0) value["unique_tokens"] = p.point.unique_tokens;
  if (p.point.steps > 0) value["steps"] = p.point.steps;
  if (!p.caution.empty()) value["caution"] = p.caution;
  if (p.loss_unit != LossUnit::nats) value["loss_unit"] = name_of(p.loss_unit);
  return value;
}

std::string describe(const Prediction& p) {
  std::string text = fmt::format("{}: loss {:.4f} {}", p.law, p.loss_nats, loss_unit_text(p.loss_unit));
  if (p.ci95) text += fmt::format(" [{:.4f}, {:.4f}] (95 % of the bootstrap)", p.ci95->low, p.ci95->high);
  std::vector<std::string> at;
  const LawPoint& point = p.point;
  const bool both = point.params > 0 && point.tokens > 0;
  if (point.params > 0) at.push_back(fmt::format("N = {} ({})", short_count(point.params), p.convention));
  if (point.tokens > 0) at.push_back(fmt::format("D = {}", short_count(point.tokens)));
  if (point.flops > 0) at.push_back(fmt::format("{} = {} FLOPs", both ? "6ND" : "C", power_text(point.flops, 4)));
  if (both) at.push_back(fmt::format("D/N = {:.3g}", point.tokens / point.params));
  text += fmt::format(" at {}\n", fmt::join(at, ", "));
  if (!p.caution.empty()) text += fmt::format("caution: the fit is of few points: {}\n", p.caution);
  if (!p.outside.empty()) {
    text += fmt::format("warning: outside the runs behind {}: {}; {} says nothing about a law that bends there\n",
                        p.fitted ? "the fit" : "the law", describe(p.outside), p.ci95 ? "the interval" : "it");
  }
  if (p.lost_draws > 0) {
    text += fmt::format("warning: {} bootstrap draws give no loss here; {}\n", p.lost_draws,
                        p.ci95 ? "the interval is of the others" : "too few others are left for an interval");
  }
  return text;
}

}  // namespace scalelaw::inline alloc
