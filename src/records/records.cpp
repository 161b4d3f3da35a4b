#include "records/records.hpp"

#include <algorithm>
#include <cmath>

namespace scalelaw::inline records {
namespace {

std::int64_t rounded(double x) { return static_cast<std::int64_t>(std::llround(x)); }

struct RecordFields {  // RunRecord with `trunk` as JSON has it
  template <class Visit, class T>
  static void visit(Visit&& v, T& r) {
    v("schema", r.schema, one_of({"scalelaw.run/1"}), "format");
    v("id", r.id, any(), "id of the run");
    v("source", r.source, named<RunSource>(), "what made it");
    v("spec", r.spec, any(), "what was asked");
    v("outcome", r.outcome, any(), "how it ended");
    v("params", r.params, any(), "parameter counts");
    v("tokens", r.tokens, at_least(0), "tokens seen");
    v("flops", r.flops, any(), "training FLOPs");
    v("loss", r.loss, any(), "final loss");
    v("throughput", r.throughput, any(), "speed");
    v("context", r.context, any(), "machine and versions");
  }
};

}  // namespace

template <class Visit, FieldsOf<RunRecord> T>
void fields(Visit&& visit, T& r) {
  RecordFields::visit(visit, r);
}

std::int64_t run_steps(const RunSpec& spec) {
  SCALELAW_CHECK(spec.data.batch_tokens > 0, "batch_tokens is {}", spec.data.batch_tokens);
  return std::max<std::int64_t>(
      1, rounded(static_cast<double>(spec.data.tokens) / static_cast<double>(spec.data.batch_tokens)));
}

std::int64_t warmup_steps(const RunSpec& spec) {
  return rounded(spec.optimizer.warmup_fraction * static_cast<double>(run_steps(spec)));
}

std::int64_t cooldown_steps(const RunSpec& spec) {
  if (spec.schedule.kind != ScheduleKind::trunk_cooldown) return 0;
  return rounded(spec.schedule.cooldown_fraction * static_cast<double>(run_steps(spec)));
}

std::string run_id(const RunSpec& spec) { return short_id(to_json(spec)); }

std::string trunk_id(const RunSpec& spec) {
  if (spec.schedule.kind != ScheduleKind::trunk_cooldown) return "";
  Json value = to_json(spec);
  value["data"].erase("tokens");
  value["optimizer"]["warmup_fraction"] = nullptr;
  value["schedule"]["cooldown_fraction"] = nullptr;
  value["warmup_steps"] = warmup_steps(spec);
  return short_id(value);
}

std::string member_id(const RunSpec& spec) {
  if (std::string trunk = trunk_id(spec); !trunk.empty()) return trunk;
  Json value = to_json(spec);
  value["data"].erase("tokens");
  return short_id(value);
}

Json to_json(const RunSpec& spec) { return to_json_fields(spec); }

Json to_json(const RunRecord& record) {
  Json value = to_json_fields(record);
  value["trunk"] = record.trunk.empty() ? Json(nullptr) : Json(record.trunk);
  return value;
}

RunRecord record_from_json(const Json& value, const std::string& name) {
  RunRecord record;
  Json plain = value;
  const Source source{.name = name, .origin = {}, .code = ExitCode::data};
  if (!plain.is_object()) source.fail("(top)", "must be an object: this is not a run record");
  if (plain.contains("trunk") && plain["trunk"].is_string()) record.trunk = plain["trunk"].get<std::string>();
  plain.erase("trunk");
  read_fields(plain, record, source);
  return record;
}

}  // namespace scalelaw::inline records
