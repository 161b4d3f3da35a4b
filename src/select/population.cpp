#include "select/population.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/format.hpp"
#include "core/json.hpp"
#include "os/error.hpp"
#include "records/shape.hpp"
#include "select/branching.hpp"

namespace scalelaw::inline select {
namespace {

constexpr std::size_t kShownHash = 12;  // digits of a hash that tell corpora apart

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : canonical_json(value); }

void flatten(const Json& value, const std::string& prefix, std::map<std::string, std::string>& out) {
  for (const auto& [key, item] : value.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (item.is_object()) {
      flatten(item, name, out);
    } else {
      out[name] = text_of(item);
    }
  }
}

std::string ratio(std::int64_t part, std::int64_t whole) {
  return exact_number(static_cast<double>(part) / static_cast<double>(whole));
}

/// What may follow the size of a run, and is one at each point of a design.
constexpr const char* kOfPoint[] = {"data.batch_tokens", "optimizer.warmup_fraction",
                                    "optimizer.beta2_half_life_tokens"};

std::map<std::string, std::string> fields_of_point(const RunSpec& spec) {
  return {{kOfPoint[0], std::to_string(spec.data.batch_tokens)},
          {kOfPoint[1], exact_number(spec.optimizer.warmup_fraction)},
          {kOfPoint[2], exact_number(spec.optimizer.beta2_half_life_tokens)}};
}

std::string point_key(const RunSpec& spec) {
  return fmt::format("{} {} {}", to_json_fields(spec.model).dump(), spec.data.tokens, spec.data.unique_tokens);
}

using Counts = std::map<std::string, std::int64_t>;  // runs by value

PopulationDifference difference_of(const std::string& field, const Counts& counts) {
  PopulationDifference out{field, {counts.begin(), counts.end()}};
  std::ranges::stable_sort(out.values, [](const auto& a, const auto& b) { return a.second > b.second; });
  return out;
}

/// Heads of the default width follow from d_model, as d_ff does.
bool all_have_default_heads(const std::vector<RunRecord>& records) {
  return std::ranges::all_of(records, [](const RunRecord& record) {
    return record.spec.model.d_head == default_d_head(record.spec.model.d_model);
  });
}

/// Fields that some of the points have in two values; only runs at such points are counted.
void add_point_differences(const std::vector<RunRecord>& records, std::vector<PopulationDifference>& out) {
  const std::set<std::string> scratch = find_branching_check(records).scratch_ids;
  std::map<std::string, std::vector<const RunRecord*>> points;
  for (const RunRecord& record : records) {
    if (!scratch.contains(record.id)) points[point_key(record.spec)].push_back(&record);
  }
  std::map<std::string, Counts> all;
  for (const auto& [key, members] : points) {
    std::map<std::string, Counts> here;
    for (const RunRecord* record : members) {
      for (const auto& [field, value] : fields_of_point(record->spec)) ++here[field][value];
    }
    for (const auto& [field, counts] : here) {
      if (counts.size() < 2) continue;
      for (const auto& [value, runs] : counts) all[field][value] += runs;
    }
  }
  for (const auto& [field, counts] : all) out.push_back(difference_of(field, counts));
}

/// Whether a name, whole or from its last dot on, is the field.
bool names_field(const std::string& given, const std::string& field) {
  return given == field || (field.size() > given.size() && field.ends_with("." + given));
}

std::map<std::string, std::string> all_fields(const RunRecord& record) {
  auto fields = population_of(record);
  fields.merge(fields_of_point(record.spec));
  return fields;
}

/// The field that `given` names, among those of the records. Errors (config): none.
std::string field_named(const std::string& given, const std::vector<RunRecord>& records) {
  std::set<std::string> names;
  for (const RunRecord& record : records) {
    for (const auto& [field, value] : all_fields(record)) names.insert(field);
  }
  for (const std::string& name : names) {
    if (names_field(given, name)) return name;
  }
  const std::string near = nearest_word(given, {names.begin(), names.end()});
  fail_config("--where {}: no run has such a field{}; the fields are {}", given,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

/// "webster1913 (f6c5e6466b97)", or the digits alone
std::string named_corpus(const std::string& hash, const CorpusNames& names) {
  const auto it = names.find(hash);
  const std::string digits = short_value("corpus", hash);
  return it == names.end() || it->second.empty() ? digits : fmt::format("{} ({})", it->second.front(), digits);
}

/// The corpus that a value means: its hash, the first digits of that, or a name. Empty where none is meant.
/// Errors (config): the value means several.
std::set<std::string> corpora_meant(std::string value, const std::set<std::string>& hashes, const CorpusNames& names) {
  constexpr std::size_t kFewestDigits = 4;
  if (hashes.contains(value)) return {value};
  if (value == "none" && hashes.contains("")) return {""};
  while (value.size() > 1 && value.ends_with('/')) value.pop_back();
  std::set<std::string> meant;
  for (const std::string& hash : hashes) {
    const auto it = names.find(hash);
    const bool named = it != names.end() && std::ranges::find(it->second, value) != it->second.end();
    if (named || (value.size() >= kFewestDigits && hash.starts_with(value))) meant.insert(hash);
  }
  if (meant.size() < 2) return meant;
  std::vector<std::string> shown;
  for (const std::string& hash : meant) shown.push_back(named_corpus(hash, names));
  fail_config("--where corpus={}: may be any of {}; give enough first digits of its hash", value,
              fmt::join(shown, ", "));
}

}  // namespace

std::map<std::string, std::string> population_of(const RunRecord& record) {
  std::map<std::string, std::string> out;
  flatten(to_json(record.spec), "", out);
  const ModelSpec& m = record.spec.model;
  for (const char* varied : {"model.d_model", "model.n_layer", "model.n_head", "model.d_ff", "data.tokens",
                             "data.unique_tokens", "optimizer.lr", "seed", "backend.kind", "data.corpus_sha256"}) {
    out.erase(varied);
  }
  for (const char* of_point : kOfPoint) out.erase(of_point);
  out["source"] = name_of(record.source);
  out["corpus"] = record.spec.data.corpus_sha256;
  out["model.d_ff/d_model"] = ratio(m.d_ff, m.d_model);
  out.try_emplace("model.qk_scale", name_of(QkScale::none));  // a spec leaves these out
  out.try_emplace("model.embedding_lr_factor", text_of(Json(1.0)));
  out["model.n_head*d_head/d_model"] = ratio(m.n_head * m.d_head, m.d_model);
  return out;
}

bool same_population(const RunRecord& a, const RunRecord& b) {
  auto first = population_of(a), second = population_of(b);
  if (all_have_default_heads({a, b})) {
    first.erase("model.d_head");
    second.erase("model.d_head");
  }
  return first == second;
}

std::vector<PopulationDifference> population_differences(const std::vector<RunRecord>& records) {
  std::map<std::string, Counts> counts;
  for (const RunRecord& record : records) {
    for (const auto& [field, value] : population_of(record)) ++counts[field][value];
  }
  std::vector<PopulationDifference> out;
  if (all_have_default_heads(records)) counts.erase("model.d_head");
  const bool one_source = !counts.empty() && counts.at("source").size() == 1;
  for (const char* first : {"source", "corpus"}) {
    if (counts.contains(first) && counts.at(first).size() > 1) out.push_back(difference_of(first, counts.at(first)));
  }
  for (const auto& [field, values] : counts) {
    if (field == "source" || field == "corpus" || values.size() < 2) continue;
    if (!one_source && field.starts_with("backend.")) continue;  // the source says it
    out.push_back(difference_of(field, values));
  }
  add_point_differences(records, out);
  return out;
}

std::string short_value(const std::string& field, const std::string& value) {
  if (value.empty()) return "none";
  return field == "corpus" ? value.substr(0, kShownHash) : value;
}

std::string config_key(const std::string& field) {
  constexpr std::string_view kBackend = "backend.";  // a config has [simulation] beside [backend]
  return field.starts_with("backend.simulation.") ? field.substr(kBackend.size()) : field;
}

std::string describe(const PopulationDifference& difference) {
  constexpr std::size_t kShown = 4;
  std::vector<std::string> values;
  for (const auto& [value, runs] : difference.values) {
    if (values.size() == kShown) {
      values.push_back("...");
      break;
    }
    values.push_back(fmt::format("{} ({} run{})", short_value(difference.field, value), runs, runs == 1 ? "" : "s"));
  }
  return fmt::format("{}: {}", config_key(difference.field), fmt::join(values, ", "));
}

std::vector<RunRecord> records_where(std::vector<RunRecord> records, const std::vector<std::string>& where,
                                     const CorpusNames& names) {
  for (const std::string& item : where) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail_config("--where '{}': write FIELD=VALUE, for example context=64 or source=trained", item);
    }
    const std::string field = field_named(item.substr(0, equals), records);
    const std::string value = item.substr(equals + 1);
    std::vector<std::string> own;
    for (const RunRecord& record : records) {
      const auto fields = all_fields(record);
      const auto it = fields.find(field);
      own.push_back(it == fields.end() ? "" : it->second);
    }
    const std::set<std::string> values(own.begin(), own.end());
    std::set<std::string> meant = {value == "none" && !values.contains(value) ? "" : value};
    if (field == "corpus") meant = corpora_meant(value, values, names);
    std::vector<RunRecord> kept;
    for (std::size_t i = 0; i < records.size(); ++i) {
      if (meant.contains(own[i])) kept.push_back(std::move(records[i]));
    }
    if (kept.empty()) {
      std::vector<std::string> shown;
      for (const std::string& v : values) {
        shown.push_back(field == "corpus" ? named_corpus(v, names) : short_value(field, v));
      }
      fail_config("--where {}: no run has this value; there are {}", item, fmt::join(shown, ", "));
    }
    records = std::move(kept);
  }
  return records;
}

std::string require_one_population(const std::vector<RunRecord>& records, const std::string& what,
                                   const PopulationChoice& choice) {
  const std::vector<PopulationDifference> differences = population_differences(records);
  if (differences.empty()) return "";
  std::vector<std::string> lines;
  for (const PopulationDifference& d : differences) lines.push_back(describe(d));
  if (choice.pool) {
    return fmt::format("runs that do not belong together were pooled (--pool); they differ in {}",
                       fmt::join(lines, "; "));
  }
  const auto& first = differences.front();
  fail_data(
      "{}: its runs do not belong together, so they are not analysed as one: they differ in {}. Choose some with "
      "--where FIELD=VALUE (for example --where {}={}), put studies into folders of their own with --out, or insist "
      "with --pool",
      what, fmt::join(lines, "; "), first.field, short_value(first.field, first.values.front().first));
}

std::string replicate_key(const RunSpec& spec) {
  Json value = to_json(spec);
  value.erase("seed");
  return canonical_json(value);
}

}  // namespace scalelaw::inline select
