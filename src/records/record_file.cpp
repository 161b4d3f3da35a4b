#include "records/record_file.hpp"

#include <cmath>
#include <regex>

#include "os/files.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline records {
namespace {

constexpr const char* kNotFinite =
    "write loss.nats as a number, or, where the loss stopped being finite, outcome.status \"diverged\" and loss.nats "
    "null";

/// value[key], or null where there is none.
Json item(const Json& value, const char* key) {
  return value.is_object() && value.contains(key) ? value[key] : Json(nullptr);
}

void check_loss(const Json& value, const std::string& name) {
  const Json status = item(item(value, "outcome"), "status");
  if (!status.is_null() && status != name_of(RunStatus::completed)) return;
  const Json nats = item(item(value, "loss"), "nats");
  if (nats.is_number() && std::isfinite(nats.get<double>())) return;
  fail_data("{}: completed, but its loss is missing or NaN (loss.nats is {}); {}", name,
            nats.is_null() ? "null or absent" : nats.dump(), kNotFinite);
}

/// What `given` says of a count must be what `right` does.
void check_counts(const Json& given, const Json& right, const char* key, const char* what, const std::string& name) {
  constexpr double kTolerance = 1e-6;
  for (const auto& [count, number] : given.items()) {
    const double is = number.get<double>(), should = right.at(count).get<double>();
    if (std::abs(is - should) <= kTolerance * should) continue;
    fail_data("{}: {}.{} is {}, but {} it {}; correct it, or leave {} out to have them computed", name, key, count,
              number.dump(), what, right.at(count).dump(), key);
  }
}

/// Fields of `plain` that are null are as good as absent: taken out.
void drop_nulls(Json& plain, const char* key) {
  if (!plain.contains(key)) return;
  if (plain[key].is_object()) {
    for (auto it = plain[key].begin(); it != plain[key].end();)
      it = it->is_null() ? plain[key].erase(it) : std::next(it);
  }
  if (plain[key].is_null()) plain.erase(key);
}

/// `given` over `computed`.
template <class Counts>
void fill(Counts& counts, const Json& given, const Counts& computed, const std::string& name) {
  Json all = to_json_fields(computed);
  if (given.is_object()) all.merge_patch(given);
  read_fields(all, counts, Source{.name = name, .origin = {}, .code = ExitCode::data});
}

}  // namespace

RunRecord complete_record(const Json& value, const std::string& name) {
  Json plain = value;
  if (plain.is_object()) {  // else record_from_json says what is wrong
    check_loss(plain, name);
    for (const char* key : {"params", "flops", "tokens"}) drop_nulls(plain, key);
  }
  RunRecord record = record_from_json(plain, name);
  const bool trained = record.source == RunSource::trained && record.spec.backend.kind == RunMaker::train;
  const bool completed = record.outcome.status == RunStatus::completed;
  const std::int64_t batch = record.spec.data.batch_tokens;
  const std::int64_t asked = run_steps(record.spec) * batch;
  if (!plain.contains("tokens")) record.tokens = completed ? asked : record.outcome.step * batch;
  if (trained && completed && std::abs(record.tokens - asked) > batch) {
    fail_data("{}: tokens is {}, but its spec asks for {} ({} steps of {}); correct it, or leave it out", name,
              record.tokens, asked, run_steps(record.spec), batch);
  }
  const ParamCounts params = count_params(record.spec.model);
  const FlopCounts flops = count_flops(record.spec.model, record.tokens);
  const Json given_params = item(plain, "params"), given_flops = item(plain, "flops");
  if (trained && given_params.is_object())
    check_counts(given_params, to_json_fields(params), "params", "the spec's shape makes", name);
  if (trained && given_flops.is_object())
    check_counts(given_flops, to_json_fields(flops), "flops", "its spec and tokens make", name);
  fill(record.params, given_params, params, name);
  fill(record.flops, given_flops, flops, name);
  return record;
}

RunRecord read_record_file(const std::filesystem::path& file) {
  const std::string text = read_text_file(file);
  const Json value = Json::parse(text, nullptr, false);
  if (!value.is_discarded()) return complete_record(value, file.string());
  static const std::regex kNotJson(R"re("([^"\\]*)"\s*:\s*(-?(?:NaN|Infinity|nan|inf))\b)re");
  if (std::smatch found; std::regex_search(text, found, kNotJson)) {
    fail_data("{}: \"{}\" is {}, which JSON does not have; {}", file.string(), found.str(1), found.str(2), kNotFinite);
  }
  return complete_record(read_json_file(file), file.string());  // says where it is cut off
}

}  // namespace scalelaw::inline records
