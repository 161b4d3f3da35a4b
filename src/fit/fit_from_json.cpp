#include "fit/fit_from_json.hpp"

#include <limits>

#include "core/format.hpp"
#include "fit/goodness_text.hpp"

namespace scalelaw {
namespace {

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
  template <Named E>
  [[nodiscard]] E named(const Json& object, const char* key) const {
    const std::string word = text(object, key);
    const std::optional<E> found = find_named<E>(word);
    if (!found) fail(key, fmt::format("is '{}', none of {}", word, list_of_names<E>()).c_str());
    return *found;
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
  b.resample = read.named<Resample>(json, "resample");
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
    b.status = read.named<BudgetStatus>(item, "status");
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
    if (b.status == BudgetStatus::interior || item.contains("params")) {
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
                         .status = read.named<FitStatus>(item, "status"),
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
  Objective o;
  o.kind = read.named<ObjectiveKind>(json, "kind");
  o.delta = number_or_nan(json, "delta");
  return o;
}

// The law at the fitted values; an offset, which a law without an offset lacks, is 0.
Law fitted_from(const Json& params, const FitResult& r, const Reader& read) {
  Law law{.kind = r.law,
          .values = {},
          .name = "fit",
          .source = fmt::format("fit to {} observations", r.n),
          .convention = r.convention};
  for (const Constant& constant : law_form(r.law).constants) {
    const std::string& name = constant.name;
    if (!params.contains(name) && constant.role != Role::offset) read.fail("params." + name, "is missing");
    law.values.push_back(params.contains(name) ? Reader::number(params.at(name)) : 0.0);
  }
  return law;
}

Convergence convergence_from(const Json& json, const Reader& read) {
  const auto count = [&](const char* key) { return json.contains(key) ? read.integer(json, key) : 0; };
  Convergence c = {.status = read.named<FitStatus>(json, "status"),
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
  r.method = read.named<Method>(value, "method");
  if (value.contains("curve")) r.curve = read.named<BudgetCurve>(value, "curve");
  if (value.contains("weights")) r.weights = read.named<Weights>(value, "weights");
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

FitResult fit_from_json(const Json& value, const std::string& name) {
  try {
    return read_fit(value, Reader{name});
  } catch (const Json::exception& e) {
    fail_data("{}: not a fit file of scalelaw (schema scalelaw.fit/1): {}", name, e.what());
  }
}

}  // namespace scalelaw
