#include "fit/fit_json.hpp"

#include "core/fields.hpp"
#include "fit/goodness_text.hpp"
#include "fit/valley.hpp"

namespace scalelaw::inline fit {
namespace {

Json params_json(const Law& law) {
  Json out = Json::object();
  for (std::size_t k = 0; k < law.values.size(); ++k) {
    if (shows_parameter(law, k)) out[law_form(law.kind).parameters[k]] = finite_or_null(law.values[k]);
  }
  return out;
}

Json bootstrap_json(const BootstrapResult& b, const std::vector<std::string>& parameters) {
  Json out = to_json_fields(b);
  out["seed"] = b.seed;
  out["derived"] = Json::object();
  for (const auto& [name, se] : b.derived_se) {
    out["derived"][name] = {{"se", finite_or_null(se)},
                            {"ci95", interval_json(b.derived_ci95.at(name))},
                            {"ci80", interval_json(b.derived_ci80.at(name))}};
  }
  out["parameters"] = parameters;  // of each draw
  return out;
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

}  // namespace

Json interval_json(const Interval& interval) { return to_json_fields(interval); }

Json to_json(const FitResult& r) {
  Json out = to_json_fields(r);
  std::visit([&](const auto& own) { out.update(to_json_fields(own)); }, r.by_method);
  out["schema"] = kFitSchema;
  if (r.loss_unit != LossUnit::nats) out["loss_unit"] = name_of(r.loss_unit);
  out["law"] = law_form(r.law).name;
  out["method"] = r.method();
  const ParametricFit& p = r.parametric();
  out["objective"] = {
      {"kind", name_of(p.objective.kind)}, {"delta", p.objective.delta}, {"value", finite_or_null(p.objective_value)}};
  out["params"] = r.fitted.values.empty() ? Json::object() : params_json(r.fitted);
  if (r.convergence.paths <= 0) {  // not counted
    for (const char* key : {"paths", "paths_at_best", "minima_found"}) out["convergence"].erase(key);
  }
  if (!r.bootstrap.empty()) out["bootstrap"] = bootstrap_json(r.bootstrap, law_form(r.law).parameters);
  if (!r.isoflop().budgets.empty()) out["budgets"] = budgets_json(r.isoflop().budgets);
  if (p.goodness.n > 0) out["goodness"] = to_json(p.goodness);
  out["range"] = {{"params", interval_json(r.params_range)},
                  {"tokens", interval_json(r.tokens_range)},
                  {"flops", interval_json(r.flops_range)},
                  {"tokens_per_param", interval_json(r.ratio_range)}};
  return out;
}

}  // namespace scalelaw::inline fit
