#include "fit/fit_from_json.hpp"

#include <limits>

#include "core/fields.hpp"
#include "core/format.hpp"
#include "fit/goodness_text.hpp"

namespace scalelaw::inline fit {
namespace {

// Reading: every place names file and key. Keys that this version does not know are passed over.
struct FitReader {
  const std::string& name;

  [[noreturn]] void fail(const std::string& key, const char* problem) const {
    fail_data("{}: '{}' {}; is this a fit file of scalelaw (schema {})?", name, key, problem, kFitSchema);
  }
  [[nodiscard]] const Json& at(const Json& object, const char* key) const {
    if (!object.is_object() || !object.contains(key)) fail(key, "is missing");
    return object.at(key);
  }
  [[nodiscard]] static double number(const Json& value) {
    return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
  }

  /// A value by its type, at a key that the file has. Numbers that are not finite are null in a file.
  template <class T>
  void value(const Json& json, T& out, const char* key) const {
    if constexpr (std::is_same_v<T, double>) {
      out = number(json);
    } else if constexpr (std::is_same_v<T, std::int64_t>) {
      if (!json.is_number_integer()) fail(key, "is not an integer");
      out = json.get<std::int64_t>();
    } else if constexpr (std::is_same_v<T, std::string>) {
      if (!json.is_string()) fail(key, "is not a string");
      out = json.get<std::string>();
    } else if constexpr (Named<T>) {
      std::string word;
      value(json, word, key);
      const std::optional<T> found = find_named<T>(word);
      if (!found) fail(key, fmt::format("is '{}', none of {}", word, list_of_names<T>()).c_str());
      out = *found;
    } else if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::vector<std::string>>) {
      out = json.get<T>();
    } else if constexpr (std::is_same_v<T, std::optional<double>>) {
      if (json.is_number()) out = json.get<double>();
    } else if constexpr (std::is_same_v<T, std::optional<NoiseModel>> || std::is_same_v<T, std::optional<Interval>>) {
      value(json, out.emplace(), key);
    } else if constexpr (std::is_same_v<T, Interval>) {
      if (!json.is_array() || json.size() != 2) fail(key, "is not a pair");
      out = {number(json[0]), number(json[1])};
    } else if constexpr (std::is_same_v<T, Convention>) {
      read_fields(json, out, Source{.name = name, .origin = {}, .code = ExitCode::data}, key);
    } else {
      container(json, out, key);
    }
  }
  template <class T>
  void container(const Json& json, std::vector<T>& out, const char* key) const {
    for (const Json& item : json) value(item, out.emplace_back(), key);
  }
  void container(const Json& json, std::map<std::string, double>& out, const char* /*key*/) const {
    if (!json.is_object()) fail("se", "is not an object");
    for (const auto& [item, x] : json.items()) out[item] = number(x);
  }
  void container(const Json& json, std::map<std::string, Interval>& out, const char* key) const {
    if (!json.is_object()) fail(key, "is not an object");
    for (const auto& [item, x] : json.items()) value(x, out[item], key);
  }
  void container(const Json& json, std::map<std::string, Identifiability>& out, const char* key) const {
    for (const auto& [item, x] : json.items()) value(x, out[item], key);
  }
  /// A struct by its list of fields: a number that is missing is NaN, and another key must be there unless it came
  /// later or is left out where it is empty.
  template <class T>
  void container(const Json& json, T& out, const char* /*key*/) const {
    fields(
        [&](const char* key, auto& member, const Rule& rule, const char* /*help*/) {
          if constexpr (std::is_same_v<std::decay_t<decltype(member)>, double>) {
            member = number_or_nan(json, key);
          } else if ((!rule.later && !rule.unless_empty && !rule.unless_value) || json.contains(key)) {
            value(at(json, key), member, key);
          }
        },
        out);
  }

  /// The value of a key that must be there.
  template <class T>
  [[nodiscard]] T get(const Json& object, const char* key) const {
    T out{};
    value(at(object, key), out, key);
    return out;
  }
};

BootstrapResult bootstrap_from(const Json& json, const FitReader& read) {
  BootstrapResult b;
  read.value(json, b, "bootstrap");
  b.seed = read.at(json, "seed").get<std::uint64_t>();
  for (const auto& [name, item] : read.at(json, "derived").items()) {
    b.derived_se[name] = number_or_nan(item, "se");
    b.derived_ci95[name] = read.get<Interval>(item, "ci95");
    if (item.contains("ci80")) b.derived_ci80[name] = read.get<Interval>(item, "ci80");
  }
  return b;
}

std::vector<IsoflopBudget> budgets_from(const Json& json, const FitReader& read) {
  std::vector<IsoflopBudget> out;
  for (const Json& item : json) {
    IsoflopBudget b;
    b.flops = number_or_nan(item, "flops");
    b.points = read.get<std::int64_t>(item, "points");
    b.status = read.get<BudgetStatus>(item, "status");
    if (item.contains("sizes")) {
      const Json& sizes = item.at("sizes");
      b.sizes = {number_or_nan(sizes, "low"), number_or_nan(sizes, "high")};
      b.center = number_or_nan(sizes, "center");
    }
    const Json& parabola = read.at(item, "parabola");
    if (parabola.size() != 3) read.fail("parabola", "does not have three numbers");
    b.constant = FitReader::number(parabola[0]);
    b.linear = FitReader::number(parabola[1]);
    b.curvature = FitReader::number(parabola[2]);
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

Objective objective_from(const Json& json, const FitReader& read) {
  Objective o;
  o.kind = read.get<ObjectiveKind>(json, "kind");
  o.delta = number_or_nan(json, "delta");
  return o;
}

// The law at the fitted values; an offset, which a law without an offset lacks, is 0.
Law fitted_from(const Json& params, const FitResult& r, const FitReader& read) {
  Law law{.kind = r.law,
          .values = {},
          .name = "fit",
          .source = fmt::format("fit to {} observations", r.n),
          .convention = r.convention};
  for (const Constant& constant : law_form(r.law).constants) {
    const std::string& name = constant.name;
    if (!params.contains(name) && constant.role != Role::offset) read.fail("params." + name, "is missing");
    law.values.push_back(params.contains(name) ? FitReader::number(params.at(name)) : 0.0);
  }
  return law;
}

void ranges_from(const Json& json, const FitReader& read, FitResult& r) {
  r.params_range = read.get<Interval>(json, "params");
  r.tokens_range = read.get<Interval>(json, "tokens");
  r.flops_range = read.get<Interval>(json, "flops");
  if (json.contains("tokens_per_param")) read.value(json.at("tokens_per_param"), r.ratio_range, "range");
}

// The method, with what a file holds for it alone.
MethodFit method_from(const Json& value, const FitReader& read) {
  MethodFit out = method_fit(read.get<Method>(value, "method"));
  std::visit([&](auto& own) { read.value(value, own, "method"); }, out);
  return out;
}

FitResult read_fit(const Json& value, const FitReader& read) {
  if (read.get<std::string>(value, "schema") != kFitSchema) {
    read.fail("schema", fmt::format("is not {}", kFitSchema).c_str());
  }
  FitResult r;
  r.law = law_kind(read.get<std::string>(value, "law"));
  r.by_method = method_from(value, read);
  read.value(value, r, "");
  if (value.contains("loss_unit")) read.value(value.at("loss_unit"), r.loss_unit, "loss_unit");
  const Objective objective = objective_from(read.at(value, "objective"), read);
  const Json& params = read.at(value, "params");
  if (!params.empty()) r.fitted = fitted_from(params, r, read);
  if (value.contains("bootstrap")) r.bootstrap = bootstrap_from(value.at("bootstrap"), read);
  if (auto* p = std::get_if<ParametricFit>(&r.by_method)) {
    p->objective = objective;
    p->objective_value = number_or_nan(value.at("objective"), "value");
    if (value.contains("goodness")) p->goodness = goodness_from_json(value.at("goodness"));
  }
  if (auto* i = std::get_if<IsoflopFit>(&r.by_method)) {
    if (value.contains("budgets")) i->budgets = budgets_from(value.at("budgets"), read);
  }
  if (value.contains("range")) ranges_from(value.at("range"), read, r);
  return r;
}

}  // namespace

FitResult fit_from_json(const Json& value, const std::string& name) {
  try {
    return read_fit(value, FitReader{name});
  } catch (const Json::exception& e) {
    fail_data("{}: not a fit file of scalelaw (schema {}): {}", name, kFitSchema, e.what());
  }
}

}  // namespace scalelaw::inline fit
