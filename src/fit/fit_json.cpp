#include "fit/fit_json.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "fit/goodness_text.hpp"
#include "fit/valley.hpp"

namespace scalelaw {
namespace {

Json numbers(const std::map<std::string, double>& values) {
  Json out = Json::object();
  for (const auto& [name, x] : values) out[name] = finite_or_null(x);
  return out;
}

Json intervals(const std::map<std::string, Interval>& values) {
  Json out = Json::object();
  for (const auto& [name, x] : values) out[name] = interval_json(x);
  return out;
}

Json params_json(const Law& law) {
  Json out = Json::object();
  for (std::size_t k = 0; k < law.values.size(); ++k) {
    if (shows_parameter(law, k)) out[law_form(law.kind).parameters[k]] = finite_or_null(law.values[k]);
  }
  return out;
}

Json bootstrap_json(const BootstrapResult& b, const std::vector<std::string>& parameters) {
  Json derived = Json::object();
  for (const auto& [name, se] : b.derived_se) {
    derived[name] = {{"se", finite_or_null(se)},
                     {"ci95", interval_json(b.derived_ci95.at(name))},
                     {"ci80", interval_json(b.derived_ci80.at(name))}};
  }
  Json draws = Json::array();
  for (const auto& draw : b.draws) {
    Json row = Json::array();
    for (const double x : draw) row.push_back(finite_or_null(x));
    draws.push_back(std::move(row));
  }
  return {
      {"resample", b.resample}, {"replicates", b.replicates}, {"failed", b.failed},        {"at_bound", b.at_bound},
      {"seed", b.seed},         {"se", numbers(b.se)},        {"ci95", intervals(b.ci95)}, {"ci80", intervals(b.ci80)},
      {"derived", derived},     {"parameters", parameters},  // of each draw
      {"draws", draws},         {"partial", b.partial}};
}

Json budgets_json(const std::vector<IsoflopBudget>& budgets) {
  Json out = Json::array();
  for (const IsoflopBudget& b : budgets) {
    Json item = {{"flops", b.flops}, {"points", b.points}, {"status", b.status}};
    item["sizes"] = {{"low", b.sizes.low}, {"high", b.sizes.high}, {"center", b.center}};
    item["parabola"] = Json::array({finite_or_null(b.constant), finite_or_null(b.linear), finite_or_null(b.curvature)});
    if (has_minimum(b)) {
      item["params"] = b.params;
      item["tokens"] = b.tokens;
      item["loss"] = b.loss_nats;
    }
    item["rms"] = finite_or_null(b.rms);
    if (!b.plateau.empty()) item["plateau"] = b.plateau;
    if (b.rejected_loss > 0) item["rejected_loss"] = b.rejected_loss;
    if (b.cubic_params > 0) item["cubic_params"] = b.cubic_params;
    if (b.law_params > 0) item["law_params"] = b.law_params;
    out.push_back(item);
  }
  return out;
}

Json jackknife_json(const Jackknife& j) {
  Json budgets = Json::array();
  for (const Jackknife::Budget& b : j.budgets) {
    budgets.push_back(
        {{"flops", b.flops}, {"left_out", b.left_out}, {"status", b.status}, {"values", numbers(b.values)}});
  }
  return {{"budgets", budgets}, {"failed", j.failed}, {"se", numbers(j.se)}, {"ci95", intervals(j.ci95)}};
}

Json holdout_json(const Holdout& h) {
  Json points = Json::array();
  for (const auto& p : h.points) {
    points.push_back({{"params", p.params},
                      {"tokens", p.tokens},
                      {"flops", p.flops},
                      {"loss", p.loss_nats},
                      {"predicted", finite_or_null(p.predicted_nats)}});
  }
  return {{"above_flops", h.above_flops},
          {"n", h.n},
          {"rms_log_error", finite_or_null(h.rms_log_error)},
          {"mean_log_error", finite_or_null(h.mean_log_error)},
          {"baseline_rms_log_error", finite_or_null(h.baseline_rms_log_error)},
          {"noise", h.noise ? finite_or_null(*h.noise) : Json(nullptr)},
          {"points", points}};
}

}  // namespace

Json interval_json(const Interval& interval) {
  return Json::array({finite_or_null(interval.low), finite_or_null(interval.high)});
}

Json to_json(const FitResult& r) {
  Json out = {{"schema", "scalelaw.fit/1"},
              {"law", law_form(r.law).name},
              {"method", r.method},
              {"n", r.n},
              {"dropped", r.dropped}};
  if (r.method == Method::isoflop) out["curve"] = r.curve;
  out["weights"] = r.weights;
  out["convention"] = to_json_fields(r.convention);
  out["objective"] = {
      {"kind", name_of(r.objective.kind)}, {"delta", r.objective.delta}, {"value", finite_or_null(r.objective_value)}};
  out["params"] = r.fitted.values.empty() ? Json::object() : params_json(r.fitted);
  out["derived"] = numbers(r.derived);
  out["convergence"] = {{"status", r.convergence.status},
                        {"gradient_norm", finite_or_null(r.convergence.gradient_norm)},
                        {"starts", r.convergence.starts},
                        {"starts_at_best", r.convergence.starts_at_best},
                        {"condition", finite_or_null(r.convergence.condition)}};
  if (r.convergence.paths > 0) {
    out["convergence"]["paths"] = r.convergence.paths;
    out["convergence"]["paths_at_best"] = r.convergence.paths_at_best;
    out["convergence"]["minima_found"] = r.convergence.minima_found;
  }
  if (r.convergence.next_best_objective) out["convergence"]["next_best_objective"] = *r.convergence.next_best_objective;
  out["message"] = r.message;
  if (!r.identifiability.empty()) {
    for (const auto& [name, i] : r.identifiability) {
      out["identifiability"][name] = {{"profile_ci95", interval_json(i.profile_ci95)}, {"identified", i.identified}};
    }
  }
  if (r.bootstrap.replicates > 0) out["bootstrap"] = bootstrap_json(r.bootstrap, law_form(r.law).parameters);
  if (!r.jackknife.budgets.empty()) out["jackknife"] = jackknife_json(r.jackknife);
  if (!r.budgets.empty()) out["budgets"] = budgets_json(r.budgets);
  if (!r.advice.empty()) out["advice"] = r.advice;
  if (!r.cautions.empty()) out["cautions"] = r.cautions;
  if (r.goodness.n > 0) out["goodness"] = to_json(r.goodness);
  if (!r.bias.empty()) out["bias"] = numbers(r.bias);
  if (r.noise) {
    out["noise"] = {
        {"sd", r.noise->sd}, {"at_loss", r.noise->at_loss}, {"slope", r.noise->slope}, {"freedom", r.noise->freedom}};
  }
  if (r.holdout.above_flops > 0) out["holdout"] = holdout_json(r.holdout);
  out["range"] = {{"params", interval_json(r.params_range)},
                  {"tokens", interval_json(r.tokens_range)},
                  {"flops", interval_json(r.flops_range)},
                  {"tokens_per_param", interval_json(r.ratio_range)}};
  out["best_measured"] = Json::array();
  for (const BestMeasured& b : r.best_measured) {
    out["best_measured"].push_back(
        {{"params", b.params}, {"tokens", b.tokens}, {"flops", b.flops}, {"loss", b.loss_nats}});
  }
  return out;
}

}  // namespace scalelaw
