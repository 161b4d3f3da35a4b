// "scalelaw.fit/1" and the text of a fit.
#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "fit/fit.hpp"
#include "fit/valley.hpp"

namespace scalelaw {
namespace {

Json pair_of(const Interval& i) { return Json::array({finite_or_null(i.low), finite_or_null(i.high)}); }

Json numbers(const std::map<std::string, double>& values) {
  Json out = Json::object();
  for (const auto& [name, x] : values) out[name] = finite_or_null(x);
  return out;
}

Json intervals(const std::map<std::string, Interval>& values) {
  Json out = Json::object();
  for (const auto& [name, x] : values) out[name] = pair_of(x);
  return out;
}

Json params_json(const Law& law) {
  Json out = Json::object();
  for (std::size_t k = 0; k < law.values.size(); ++k) {
    if (shows_parameter(law, k)) out[law_info(law.kind).parameters[k]] = finite_or_null(law.values[k]);
  }
  return out;
}

Json bootstrap_json(const BootstrapResult& b, const std::vector<std::string>& parameters) {
  Json derived = Json::object();
  for (const auto& [name, se] : b.derived_se) {
    derived[name] = {{"se", finite_or_null(se)},
                     {"ci95", pair_of(b.derived_ci95.at(name))},
                     {"ci80", pair_of(b.derived_ci80.at(name))}};
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

// Reading: every place names file and key.
struct Reader {
  const std::string& name;

  [[noreturn]] void fail(const std::string& key, const char* problem) const {
    fail_data("{}: '{}' {}; is this a fit file of scalelaw (schema scalelaw.fit/1)?", name, key, problem);
  }
  [[nodiscard]] const Json& at(const Json& object, const char* key) const {
    if (!object.is_object() || !object.contains(key)) fail(key, "is missing");
    return object.at(key);
  }
  [[nodiscard]] std::string text(const Json& object, const char* key) const {
    const Json& value = at(object, key);
    if (!value.is_string()) fail(key, "is not a string");
    return value.get<std::string>();
  }
  [[nodiscard]] static double number(const Json& value) {
    return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
  }
  [[nodiscard]] std::int64_t integer(const Json& object, const char* key) const {
    const Json& value = at(object, key);
    if (!value.is_number_integer()) fail(key, "is not an integer");
    return value.get<std::int64_t>();
  }
  [[nodiscard]] Interval interval(const Json& value, const char* key) const {
    if (!value.is_array() || value.size() != 2) fail(key, "is not a pair");
    return {number(value[0]), number(value[1])};
  }
  [[nodiscard]] std::map<std::string, double> numbers(const Json& object) const {
    std::map<std::string, double> out;
    if (!object.is_object()) fail("se", "is not an object");
    for (const auto& [key, value] : object.items()) out[key] = number(value);
    return out;
  }
  [[nodiscard]] std::map<std::string, Interval> intervals(const Json& object, const char* key) const {
    std::map<std::string, Interval> out;
    if (!object.is_object()) fail(key, "is not an object");
    for (const auto& [item, value] : object.items()) out[item] = interval(value, key);
    return out;
  }
};

BootstrapResult bootstrap_from(const Json& json, const Reader& read) {
  BootstrapResult b;
  b.resample = read.text(json, "resample");
  b.replicates = read.integer(json, "replicates");
  b.failed = read.integer(json, "failed");
  b.at_bound = json.contains("at_bound") ? read.integer(json, "at_bound") : 0;
  b.seed = read.at(json, "seed").get<std::uint64_t>();
  b.se = read.numbers(read.at(json, "se"));
  b.ci95 = read.intervals(read.at(json, "ci95"), "ci95");
  if (json.contains("ci80")) b.ci80 = read.intervals(json.at("ci80"), "ci80");
  for (const auto& [name, item] : read.at(json, "derived").items()) {
    b.derived_se[name] = number_or_nan(item, "se");
    b.derived_ci95[name] = read.interval(read.at(item, "ci95"), "ci95");
    if (item.contains("ci80")) b.derived_ci80[name] = read.interval(item.at("ci80"), "ci80");
  }
  if (json.contains("partial")) b.partial = read.integer(json, "partial");
  if (json.contains("draws")) {
    for (const Json& row : json.at("draws")) {
      std::vector<double> draw;
      for (const Json& x : row) draw.push_back(Reader::number(x));
      b.draws.push_back(std::move(draw));
    }
  }
  return b;
}

std::vector<IsoflopBudget> budgets_from(const Json& json, const Reader& read) {
  std::vector<IsoflopBudget> out;
  for (const Json& item : json) {
    IsoflopBudget b;
    b.flops = number_or_nan(item, "flops");
    b.points = read.integer(item, "points");
    b.status = read.text(item, "status");
    if (item.contains("sizes")) {
      const Json& sizes = item.at("sizes");
      b.sizes = {number_or_nan(sizes, "low"), number_or_nan(sizes, "high")};
      b.center = number_or_nan(sizes, "center");
    }
    const Json& parabola = read.at(item, "parabola");
    if (parabola.size() != 3) read.fail("parabola", "does not have three numbers");
    b.constant = Reader::number(parabola[0]);
    b.linear = Reader::number(parabola[1]);
    b.curvature = Reader::number(parabola[2]);
    if (b.status == "interior" || item.contains("params")) {
      b.params = number_or_nan(item, "params");
      b.tokens = number_or_nan(item, "tokens");
      b.loss_nats = number_or_nan(item, "loss");
    }
    const auto number = [&](const char* key, double& to) {
      if (item.contains(key) && item.at(key).is_number()) to = item.at(key).get<double>();
    };
    number("rms", b.rms);
    number("rejected_loss", b.rejected_loss);
    number("cubic_params", b.cubic_params);
    number("law_params", b.law_params);
    if (item.contains("plateau")) b.plateau = item.at("plateau").get<std::vector<std::string>>();
    out.push_back(b);
  }
  return out;
}

Jackknife jackknife_from(const Json& json, const Reader& read) {
  Jackknife j;
  for (const Json& item : read.at(json, "budgets")) {
    j.budgets.push_back({.flops = number_or_nan(item, "flops"),
                         .left_out = read.integer(item, "left_out"),
                         .status = read.text(item, "status"),
                         .values = read.numbers(read.at(item, "values"))});
  }
  j.failed = read.integer(json, "failed");
  j.se = read.numbers(read.at(json, "se"));
  j.ci95 = read.intervals(read.at(json, "ci95"), "ci95");
  return j;
}

Holdout holdout_from(const Json& json, const Reader& read) {
  Holdout h;
  h.above_flops = number_or_nan(json, "above_flops");
  h.n = read.integer(json, "n");
  h.rms_log_error = number_or_nan(json, "rms_log_error");
  h.mean_log_error = number_or_nan(json, "mean_log_error");
  h.baseline_rms_log_error = number_or_nan(json, "baseline_rms_log_error");
  if (json.contains("noise") && json.at("noise").is_number()) h.noise = json.at("noise").get<double>();
  for (const Json& p : read.at(json, "points")) {
    h.points.push_back({number_or_nan(p, "params"), number_or_nan(p, "tokens"), number_or_nan(p, "flops"),
                        number_or_nan(p, "loss"), number_or_nan(p, "predicted")});
  }
  return h;
}

Objective objective_from(const Json& json, const Reader& read) {
  const std::string kind = read.text(json, "kind");
  Objective o;
  o.kind = kind == "mse" ? ObjectiveKind::mse : kind == "log-mse" ? ObjectiveKind::log_mse : ObjectiveKind::log_huber;
  o.delta = number_or_nan(json, "delta");
  return o;
}

// The law at the fitted values; E, which a law without an offset lacks, is 0.
Law fitted_from(const Json& params, const FitResult& r, const Reader& read) {
  Law law{.kind = r.law,
          .values = {},
          .name = "fit",
          .source = fmt::format("fit to {} observations", r.n),
          .convention = r.convention};
  for (const std::string& name : law_info(r.law).parameters) {
    if (!params.contains(name) && name != "E") read.fail("params." + name, "is missing");
    law.values.push_back(params.contains(name) ? Reader::number(params.at(name)) : 0.0);
  }
  return law;
}

Convergence convergence_from(const Json& json, const Reader& read) {
  const auto count = [&](const char* key) { return json.contains(key) ? read.integer(json, key) : 0; };
  Convergence c = {.status = read.text(json, "status"),
                   .gradient_norm = number_or_nan(json, "gradient_norm"),
                   .starts = read.integer(json, "starts"),
                   .starts_at_best = read.integer(json, "starts_at_best"),
                   .paths = count("paths"),
                   .paths_at_best = count("paths_at_best"),
                   .minima_found = count("minima_found"),
                   .condition = number_or_nan(json, "condition")};
  if (json.contains("next_best_objective")) c.next_best_objective = number_or_nan(json, "next_best_objective");
  return c;
}

NoiseModel noise_from(const Json& json, const Reader& read) {
  return {.sd = number_or_nan(json, "sd"),
          .at_loss = number_or_nan(json, "at_loss"),
          .slope = number_or_nan(json, "slope"),
          .freedom = read.integer(json, "freedom")};
}

void ranges_from(const Json& json, const Reader& read, FitResult& r) {
  r.params_range = read.interval(read.at(json, "params"), "params");
  r.tokens_range = read.interval(read.at(json, "tokens"), "tokens");
  r.flops_range = read.interval(read.at(json, "flops"), "flops");
  if (json.contains("tokens_per_param")) r.ratio_range = read.interval(json.at("tokens_per_param"), "range");
}

FitResult read_fit(const Json& value, const Reader& read) {
  if (read.text(value, "schema") != "scalelaw.fit/1") read.fail("schema", "is not scalelaw.fit/1");
  FitResult r;
  r.law = law_kind(read.text(value, "law"));
  r.method = read.text(value, "method");
  if (value.contains("curve")) r.curve = read.text(value, "curve");
  if (value.contains("weights")) r.weights = read.text(value, "weights");
  r.n = read.integer(value, "n");
  r.dropped = read.integer(value, "dropped");
  read_fields(read.at(value, "convention"), r.convention,
              Source{.name = read.name, .origin = {}, .code = ExitCode::data}, "convention");
  r.objective = objective_from(read.at(value, "objective"), read);
  r.objective_value = number_or_nan(value.at("objective"), "value");
  const Json& params = read.at(value, "params");
  if (!params.empty()) r.fitted = fitted_from(params, r, read);
  r.derived = read.numbers(read.at(value, "derived"));
  r.convergence = convergence_from(read.at(value, "convergence"), read);
  if (value.contains("message")) r.message = read.text(value, "message");
  if (value.contains("identifiability")) {
    for (const auto& [name, item] : value.at("identifiability").items()) {
      r.identifiability[name] = {.profile_ci95 = read.interval(read.at(item, "profile_ci95"), "profile_ci95"),
                                 .identified = read.at(item, "identified").get<bool>()};
    }
  }
  if (value.contains("bootstrap")) r.bootstrap = bootstrap_from(value.at("bootstrap"), read);
  if (value.contains("jackknife")) r.jackknife = jackknife_from(value.at("jackknife"), read);
  if (value.contains("budgets")) r.budgets = budgets_from(value.at("budgets"), read);
  if (value.contains("advice")) r.advice = value.at("advice").get<std::vector<std::string>>();
  if (value.contains("cautions")) r.cautions = value.at("cautions").get<std::vector<std::string>>();
  if (value.contains("goodness")) r.goodness = goodness_from_json(value.at("goodness"));
  if (value.contains("bias")) r.bias = read.numbers(value.at("bias"));
  if (value.contains("noise")) r.noise = noise_from(value.at("noise"), read);
  if (value.contains("holdout")) r.holdout = holdout_from(value.at("holdout"), read);
  if (value.contains("range")) ranges_from(value.at("range"), read, r);
  if (value.contains("best_measured")) {
    for (const Json& best : value.at("best_measured")) {
      r.best_measured.push_back({number_or_nan(best, "params"), number_or_nan(best, "tokens"),
                                 number_or_nan(best, "flops"), number_or_nan(best, "loss")});
    }
  }
  return r;
}

}  // namespace

const char* objective_name(ObjectiveKind kind) {
  switch (kind) {
    case ObjectiveKind::log_huber:
      return "log-huber";
    case ObjectiveKind::log_mse:
      return "log-mse";
    case ObjectiveKind::mse:
      return "mse";
  }
  return "";
}

bool shows_parameter(const Law& law, std::size_t k) {
  return !(law_info(law.kind).parameters[k] == "E" && law.values[k] == 0);  // a power law without offset
}

Json to_json(const FitResult& r) {
  Json out = {{"schema", "scalelaw.fit/1"},
              {"law", law_info(r.law).name},
              {"method", r.method},
              {"n", r.n},
              {"dropped", r.dropped}};
  if (r.method == "isoflop") out["curve"] = r.curve;
  out["weights"] = r.weights;
  out["convention"] = to_json_fields(r.convention);
  out["objective"] = {{"kind", objective_name(r.objective.kind)},
                      {"delta", r.objective.delta},
                      {"value", finite_or_null(r.objective_value)}};
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
      out["identifiability"][name] = {{"profile_ci95", pair_of(i.profile_ci95)}, {"identified", i.identified}};
    }
  }
  if (r.bootstrap.replicates > 0) out["bootstrap"] = bootstrap_json(r.bootstrap, law_info(r.law).parameters);
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
  out["range"] = {{"params", pair_of(r.params_range)},
                  {"tokens", pair_of(r.tokens_range)},
                  {"flops", pair_of(r.flops_range)},
                  {"tokens_per_param", pair_of(r.ratio_range)}};
  out["best_measured"] = Json::array();
  for (const BestMeasured& b : r.best_measured) {
    out["best_measured"].push_back(
        {{"params", b.params}, {"tokens", b.tokens}, {"flops", b.flops}, {"loss", b.loss_nats}});
  }
  return out;
}

FitResult fit_from_json(const Json& value, const std::string& name) {
  try {
    return read_fit(value, Reader{name});
  } catch (const Json::exception& e) {
    fail_data("{}: not a fit file of scalelaw (schema scalelaw.fit/1): {}", name, e.what());
  }
}

}  // namespace scalelaw
