#include "records/records.hpp"

#include <gmock/gmock.h>

#include "core/json.hpp"
#include "error_of.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

RunSpec example_spec() {
  RunSpec spec;
  spec.data.corpus_sha256 = "ab12";
  spec.data.tokens = 1'000'000;
  spec.optimizer.lr = 0.016;
  spec.seed = 3;
  return spec;
}

RunSpec spec_of(const Json& value) {
  RunSpec spec;
  read_fields(value, spec, Source{.name = "spec", .origin = {}, .code = ExitCode::data});
  return spec;
}

RunRecord example_record() {
  RunRecord r;
  r.spec = example_spec();
  r.id = run_id(r.spec);
  r.outcome = {.status = RunStatus::completed, .step = 3906, .message = ""};
  r.params = {.embedding = 8192,
              .attention = 8192,
              .mlp = 16384,
              .head = 8192,
              .total = 40960,
              .non_embedding = 24576,
              .effective = 32768};
  r.tokens = 999'936;
  r.flops = {.exact = 2.5e11, .six_nd_total = 2.4e11, .six_nd_non_embedding = 1.5e11, .six_nd_effective = 2e11};
  r.loss = {.nats = 1.8312345678901234, .stderr_nats = 0.004, .bits_per_byte = 2.64, .eval_tokens = 65536};
  r.throughput = {.tokens_per_s = 1e5, .wall_s = 10.25};
  r.trunk = trunk_id(r.spec);
  r.context.version = "0.1.0";
  r.context.device = "cpu";
  return r;
}

TEST(RunRecord, RoundTripsThroughJsonText) {
  const RunRecord r = example_record();
  const Json json = Json::parse(to_json(r).dump());
  const RunRecord again = record_from_json(json, "x.json");
  EXPECT_EQ(to_json(again), json);
  EXPECT_EQ(again.loss.nats, r.loss.nats) << "to the last bit";
  EXPECT_EQ(again.trunk, r.trunk);
  EXPECT_EQ(again.spec.optimizer.lr, 0.016);
  EXPECT_EQ(run_id(again.spec), r.id) << "the id survives the file";
}

TEST(RunRecord, HasTheKeysOfItsContract) {
  const Json json = to_json(example_record());
  for (const char* key : {"schema", "id", "source", "spec", "outcome", "params", "tokens", "flops", "loss",
                          "throughput", "trunk", "context"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["schema"], "scalelaw.run/1");
  for (const char* key : {"exact", "6nd_total", "6nd_non_embedding", "6nd_effective"})
    EXPECT_TRUE(json["flops"].contains(key)) << key;
  for (const char* key : {"nats", "stderr", "bits_per_byte", "eval_tokens"})
    EXPECT_TRUE(json["loss"].contains(key)) << key;
}

TEST(RunRecord, DivergedRunHasNullLossAndNoTrunkIsNull) {
  RunRecord r = example_record();
  r.outcome = {.status = RunStatus::diverged, .step = 17, .message = "loss is not finite"};
  r.loss = {};
  r.trunk.clear();
  const Json json = to_json(r);
  EXPECT_TRUE(json["loss"]["nats"].is_null());
  EXPECT_TRUE(json["trunk"].is_null());
  const RunRecord again = record_from_json(json, "x.json");
  EXPECT_FALSE(again.loss.nats.has_value());
  EXPECT_TRUE(again.trunk.empty());
}

TEST(RunRecord, WrongFilesAreDataErrorsThatNameThem) {
  Json json = to_json(example_record());
  json["outcome"]["status"] = "finished";
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)record_from_json(json, "r.json"); }),
              testing::AllOf(testing::StartsWith("r.json"), HasSubstr("outcome.status"), HasSubstr("completed")));
  json = to_json(example_record());
  json["schema"] = "scalelaw.run/2";
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)record_from_json(json, "r.json"); }), HasSubstr("schema"));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)record_from_json(Json::array(), "r.json"); }), HasSubstr("r.json"));
  json = to_json(example_record());
  json["spec"]["optimizer"]["lrr"] = 1;
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)record_from_json(json, "r.json"); }),
              HasSubstr("spec.optimizer.lrr"));
}

TEST(RunSpec, SimulationIsPartOfTheSpecOnlyWhereItIsUsed) {
  RunSpec spec = example_spec();
  const std::string id = run_id(spec);
  spec.backend.simulation.noise = 0.5;
  EXPECT_EQ(run_id(spec), id);
  EXPECT_FALSE(to_json(spec)["backend"].contains("simulation"));
  spec.backend.kind = RunMaker::simulate;
  const std::string simulated = run_id(spec);
  EXPECT_NE(simulated, id);
  EXPECT_EQ(run_id(spec_of(to_json(spec))), simulated);
  spec.backend.simulation.noise = 0.25;
  EXPECT_NE(run_id(spec), simulated);
}

TEST(RunId, IsFixedForAFixedSpec) {
  EXPECT_EQ(run_id(example_spec()), "a8161fe724fb75c8") << canonical_json(to_json(example_spec()));
}

// Runs of versions that had no qk_scale did not divide their scores: their specs, and so their ids, lack the key.
TEST(RunSpec, UndividedScoresAreLeftOutAndEveryOtherScaleIsPartOfTheId) {
  RunSpec spec = example_spec();
  EXPECT_FALSE(to_json(spec)["model"].contains("qk_scale"));
  EXPECT_TRUE(spec_of(to_json(spec)).model.qk_scale.is(QkScale::none));
  std::set<std::string> ids = {run_id(spec)};
  for (const NumberOr<QkScale>& scale :
       std::vector<NumberOr<QkScale>>{{.number = 1.0}, {.number = 2.5}, {.name = QkScale::learned}}) {
    spec.model.qk_scale = scale;
    EXPECT_TRUE(ids.insert(run_id(spec)).second);
    EXPECT_EQ(spec_of(to_json(spec)).model.qk_scale, scale);
    EXPECT_EQ(run_id(spec_of(to_json(spec))), run_id(spec));
  }
}

TEST(RunSpec, OneRateForAllIsLeftOutAndEveryOtherFactorIsPartOfTheId) {
  RunSpec spec = example_spec();
  EXPECT_FALSE(to_json(spec)["model"].contains("embedding_lr_factor"));
  EXPECT_EQ(spec_of(to_json(spec)).model.embedding_lr_factor, 1);
  const std::string one = run_id(spec);
  spec.model.embedding_lr_factor = 2;
  EXPECT_NE(run_id(spec), one);
  EXPECT_EQ(spec_of(to_json(spec)).model.embedding_lr_factor, 2);
}

TEST(RunId, ChangesWithEveryField) {
  const RunSpec base = example_spec();
  const Json json = to_json(base);
  int changed = 0;
  const Json flat = json.flatten();
  for (const auto& [path, value] : flat.items()) {
    Json other = json;
    Json& field = other[Json::json_pointer(path)];
    if (value.is_boolean()) field = !value.get<bool>();
    if (value.is_number_integer()) field = value.get<std::int64_t>() + 1;
    if (value.is_number_float()) field = value.get<double>() / 2 + 1e-3;
    if (value.is_string()) continue;
    EXPECT_NE(run_id(spec_of(other)), run_id(base)) << path;
    ++changed;
  }
  EXPECT_GE(changed, 20);
}

TEST(RunSteps, RoundToNearestAndAreAtLeastOne) {
  RunSpec spec = example_spec();
  spec.data = {.corpus_sha256 = "", .tokens = 1000, .batch_tokens = 256};
  EXPECT_EQ(run_steps(spec), 4);  // 3.9
  spec.data.tokens = 890;
  EXPECT_EQ(run_steps(spec), 3);  // 3.48
  spec.data.tokens = 1;
  EXPECT_EQ(run_steps(spec), 1);
  spec.data.batch_tokens = 0;
  EXPECT_THROW((void)run_steps(spec), std::logic_error);
}

TEST(RunSteps, WarmupAndCooldownAreSharesOfTheSteps) {
  RunSpec spec = example_spec();
  spec.data.tokens = 256 * 1000;
  spec.optimizer.warmup_fraction = 0.05;
  spec.schedule.cooldown_fraction = 0.2;
  EXPECT_EQ(warmup_steps(spec), 50);
  EXPECT_EQ(cooldown_steps(spec), 200);
  spec.schedule.kind = ScheduleKind::cosine;
  EXPECT_EQ(cooldown_steps(spec), 0);
}

TEST(TrunkId, IsSharedByRunsThatDifferOnlyAfterTheTrunk) {
  RunSpec a = example_spec(), b = example_spec();
  a.data.tokens = 256 * 1000;
  b.data.tokens = 256 * 4000;
  a.optimizer.warmup_fraction = 0.04;
  b.optimizer.warmup_fraction = 0.01;  // 40 steps each
  EXPECT_EQ(trunk_id(a), trunk_id(b));
  EXPECT_NE(run_id(a), run_id(b));
  b.optimizer.warmup_fraction = 0.02;
  EXPECT_NE(trunk_id(a), trunk_id(b)) << "another warmup is another trunk";
  b = a;
  b.optimizer.lr *= 2;
  EXPECT_NE(trunk_id(a), trunk_id(b));
  b = a;
  b.seed += 1;
  EXPECT_NE(trunk_id(a), trunk_id(b));
  b = a;
  b.schedule.cooldown_fraction = 0.1;
  EXPECT_EQ(trunk_id(a), trunk_id(b)) << "the cooldown comes after the trunk";
}

TEST(TrunkId, IsEmptyWithoutATrunk) {
  RunSpec spec = example_spec();
  for (const ScheduleKind kind : {ScheduleKind::cosine, ScheduleKind::linear, ScheduleKind::constant}) {
    spec.schedule.kind = kind;
    EXPECT_EQ(trunk_id(spec), "") << name_of(kind);
  }
}

}  // namespace
}  // namespace scalelaw
