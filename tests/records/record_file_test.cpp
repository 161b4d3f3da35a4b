// Records of other programs: what may be left out, what is refused, and how it is said.
#include "records/record_file.hpp"

#include <gmock/gmock.h>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/files.hpp"
#include "records/shape.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

RunSpec random_spec(Rng& rng) {
  RunSpec spec;
  spec.model.d_head = 8;
  spec.model.n_head = static_cast<std::int64_t>(1 + uniform_below(rng, 16));
  spec.model.d_model = 8 * spec.model.n_head;
  spec.model.n_layer = static_cast<std::int64_t>(1 + uniform_below(rng, 12));
  spec.model.d_ff = spec.model.d_model * static_cast<std::int64_t>(1 + uniform_below(rng, 5));
  spec.model.vocab = static_cast<std::int64_t>(2 + uniform_below(rng, 50000));
  spec.model.tie_embeddings = uniform_below(rng, 2) == 0;
  spec.data.batch_tokens = 64 * static_cast<std::int64_t>(1 + uniform_below(rng, 8));
  spec.data.tokens = static_cast<std::int64_t>(1000 + uniform_below(rng, 100000));
  return spec;
}

RunRecord whole(const RunSpec& spec) {
  RunRecord record;
  record.id = run_id(spec);
  record.spec = spec;
  record.params = count_params(spec.model);
  record.tokens = run_steps(spec) * spec.data.batch_tokens;
  record.flops = count_flops(spec.model, record.tokens);
  record.loss.nats = 2.5;
  return record;
}

/// With any part of what follows from the spec absent or null, the record is the same.
TEST(CompleteRecord, ComputesWhateverIsLeftOut) {
  Rng rng = make_rng(1, "records");
  for (int trial = 0; trial < 300; ++trial) {
    const Json full = to_json(whole(random_spec(rng)));
    Json part = full;
    for (const char* key : {"params", "flops"}) {
      if (uniform_below(rng, 3) == 0) {
        part.erase(key);
        continue;
      }
      for (const auto& [name, value] : full[key].items()) {
        const auto draw = uniform_below(rng, 3);
        if (draw == 0) part[key].erase(name);
        if (draw == 1) part[key][name] = nullptr;
      }
    }
    if (uniform_below(rng, 2) == 0) part.erase("tokens");
    for (const char* key : {"throughput", "context", "trunk"}) {
      if (uniform_below(rng, 2) == 0) part.erase(key);
    }
    const Json got = to_json(complete_record(part, "r.json"));
    for (const char* key : {"params", "flops", "tokens", "loss", "spec"}) EXPECT_EQ(got[key], full[key]) << part.dump();
  }
}

/// Any one count that is wrong is refused, with what it should be.
TEST(CompleteRecord, RefusesCountsThatAreNotThoseOfTheSpec) {
  Rng rng = make_rng(2, "records");
  for (int trial = 0; trial < 100; ++trial) {
    const Json full = to_json(whole(random_spec(rng)));
    for (const char* key : {"params", "flops"}) {
      for (const auto& [name, value] : full[key].items()) {
        if (value == 0) continue;  // positions and norms: nothing to be wrong by a factor
        Json wrong = full;
        wrong[key][name] = std::string(key) == "params" ? Json(5) : Json(7);
        if (wrong[key][name] == value) continue;
        EXPECT_THAT(error_of(ExitCode::data, [&] { (void)complete_record(wrong, "r.json"); }),
                    AllOf(HasSubstr(fmt::format("r.json: {}.{} is ", key, name)),
                          HasSubstr(" it " + value.dump() + ";"), HasSubstr(fmt::format("or leave {} out", key))));
      }
    }
    Json wrong = full;
    wrong["tokens"] = 3;
    EXPECT_THAT(error_of(ExitCode::data, [&] { (void)complete_record(wrong, "r.json"); }),
                HasSubstr(fmt::format("tokens is 3, but its spec asks for {}", full["tokens"].dump())));
  }
}

TEST(CompleteRecord, TakesFlopsRoundedByAnotherProgramAndCountsOfOtherModels) {
  Rng rng = make_rng(3, "records");
  Json value = to_json(whole(random_spec(rng)));
  value["flops"]["exact"] = value["flops"]["exact"].get<double>() * (1 + 1e-9);
  EXPECT_NO_THROW((void)complete_record(value, "r.json"));
  value["params"]["total"] = 5;
  value["source"] = "imported";  // its model may count otherwise
  EXPECT_EQ(complete_record(value, "r.json").params.total, 5);
}

TEST(CompleteRecord, ADivergedRunHasTheTokensOfItsSteps) {
  Rng rng = make_rng(4, "records");
  const RunSpec spec = random_spec(rng);
  Json value = to_json(whole(spec));
  for (const char* key : {"params", "flops", "tokens"}) value.erase(key);
  value["outcome"] = {{"status", "diverged"}, {"step", 3}};
  value["loss"] = {{"nats", nullptr}};
  const RunRecord record = complete_record(value, "r.json");
  EXPECT_EQ(record.tokens, 3 * spec.data.batch_tokens);
  EXPECT_EQ(record.flops.six_nd_total, count_flops(spec.model, record.tokens).six_nd_total);
}

TEST(CompleteRecord, NamesALossThatIsMissingOrNaN) {
  Rng rng = make_rng(5, "records");
  const Json full = to_json(whole(random_spec(rng)));
  const auto expect_refused = [](const Json& value) {
    EXPECT_THAT(error_of(ExitCode::data, [&] { (void)complete_record(value, "r.json"); }),
                AllOf(HasSubstr("r.json: completed, but its loss is missing or NaN"), HasSubstr("\"diverged\"")));
  };
  Json value = full;
  value["loss"]["nats"] = nullptr;
  expect_refused(value);
  value["loss"]["nats"] = "nan";
  expect_refused(value);
  value["loss"].erase("nats");
  expect_refused(value);
  value["loss"] = nullptr;
  expect_refused(value);
  value.erase("loss");
  expect_refused(value);
  value.erase("outcome");  // completed is what a record says that says nothing
  expect_refused(value);
}

TEST(ReadRecordFile, NamesNaNThatIsNotJson) {
  Rng rng = make_rng(6, "records");
  const auto file = fresh_folder("records") / "r.json";
  for (const char* number : {"NaN", "Infinity", "-Infinity", "nan"}) {
    std::string text = to_json(whole(random_spec(rng))).dump();
    text.replace(text.find("\"nats\":2.5") + 7, 3, number);
    write_file_atomic(file, text);
    EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_record_file(file); }),
                AllOf(HasSubstr(fmt::format("r.json: \"nats\" is {}, which JSON does not have", number)),
                      HasSubstr("\"diverged\"")));
  }
  write_file_atomic(file, "{\"schema\": ");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_record_file(file); }), HasSubstr("not valid JSON"));
  write_file_atomic(file, "[1]");
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)read_record_file(file); }), HasSubstr("not a run record"));
}

TEST(ReadRecordFile, ReadsTheCaseOfAnOutsideTrainer) {
  const auto runs = std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/minimal_record/runs";
  int records = 0, own = 0;  // it guessed half of the ids wrong: they were nowhere
  for (const auto& entry : std::filesystem::directory_iterator(runs)) {
    const RunRecord record = read_record_file(entry.path());
    own += record.id == run_id(record.spec) ? 1 : 0;
    EXPECT_EQ(record.params.total, count_params(record.spec.model).total);
    EXPECT_GT(record.flops.six_nd_total, 0);
    ++records;
  }
  EXPECT_EQ(records, 16);
  EXPECT_EQ(own, 8);
}

}  // namespace
}  // namespace scalelaw
