// Which runs may be analysed together: fields, differences, restrictions, replicates.
#include "select/population.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/error.hpp"
#include "records/shape.hpp"
#include "select/noise.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;

RunRecord run_of(std::int64_t width, std::int64_t layers, std::int64_t tokens, double lr, std::int64_t seed) {
  RunRecord r;
  r.spec.model.d_model = width;
  r.spec.model.n_layer = layers;
  r.spec.model.n_head = width / 8;
  r.spec.model.d_ff = 4 * width;
  r.spec.data.corpus_sha256 = std::string(64, 'a');
  r.spec.data.tokens = r.tokens = tokens;
  r.spec.optimizer.lr = lr;
  r.spec.seed = seed;
  r.params = count_params(r.spec.model);
  r.id = run_id(r.spec);
  r.trunk = trunk_id(r.spec);
  r.loss.nats = 2 + 0.01 * static_cast<double>(seed);
  return r;
}

/// A design: shapes, tokens, rates and seeds varied, warmup by shape as a plan makes it.
std::vector<RunRecord> design() {
  std::vector<RunRecord> out;
  for (const std::int64_t width : {16, 24, 32}) {
    for (const std::int64_t tokens : {51200, 102400}) {
      for (const double lr : {0.004, 0.008}) {
        for (const std::int64_t seed : {0, 1}) {
          RunRecord r = run_of(width, width / 16 + 1, tokens, lr, seed);
          r.spec.optimizer.warmup_fraction = 1000.0 / static_cast<double>(tokens);
          r.id = run_id(r.spec);
          out.push_back(r);
        }
      }
    }
  }
  return out;
}

TEST(Population, WidthDepthTokensRateSeedAndWarmupByLengthAreOneDesign) {
  EXPECT_TRUE(population_differences(design()).empty());
  EXPECT_EQ(require_one_population(design(), "s", {}), "");
  EXPECT_TRUE(population_differences({}).empty());
}

struct Change {
  const char* field;
  std::function<void(RunRecord&)> make;
};
std::vector<Change> changes() {
  return {{"corpus", [](RunRecord& r) { r.spec.data.corpus_sha256 = std::string(64, 'b'); }},
          {"source", [](RunRecord& r) { r.source = RunSource::simulated, r.spec.backend.kind = RunMaker::simulate; }},
          {"model.context", [](RunRecord& r) { r.spec.model.context = 128; }},
          {"model.vocab", [](RunRecord& r) { r.spec.model.vocab = 4096; }},
          {"model.d_head", [](RunRecord& r) { r.spec.model.d_head *= 2, r.spec.model.n_head /= 2; }},
          {"model.qk_scale", [](RunRecord& r) { r.spec.model.qk_scale.name = QkScale::learned; }},
          {"model.d_ff/d_model", [](RunRecord& r) { r.spec.model.d_ff *= 2; }},
          {"model.tie_embeddings", [](RunRecord& r) { r.spec.model.tie_embeddings = true; }},
          {"model.parametrization", [](RunRecord& r) { r.spec.model.parametrization = Parametrization::completep; }},
          {"model.embedding_lr_factor", [](RunRecord& r) { r.spec.model.embedding_lr_factor = 2; }},
          {"precision", [](RunRecord& r) { r.spec.precision = Precision::bf16; }},
          {"optimizer.weight_decay", [](RunRecord& r) { r.spec.optimizer.weight_decay = 0; }},
          {"optimizer.beta2", [](RunRecord& r) { r.spec.optimizer.beta2 = 0.99; }},
          {"schedule.kind", [](RunRecord& r) { r.spec.schedule.kind = ScheduleKind::cosine; }},
          {"schedule.cooldown_fraction", [](RunRecord& r) { r.spec.schedule.cooldown_fraction = 0.5; }},
          {"data.eval_tokens", [](RunRecord& r) { r.spec.data.eval_tokens = 1024; }},
          {"data.batch_tokens", [](RunRecord& r) { r.spec.data.batch_tokens = 512; }},
          {"optimizer.warmup_fraction", [](RunRecord& r) { r.spec.optimizer.warmup_fraction = 0.5; }}};
}

// Random mixes: whatever subset of a design is changed in whatever fields, exactly those fields are named.
TEST(Population, RandomMixesNameExactlyTheFieldsThatDiffer) {
  const auto all = changes();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng = make_rng(seed, "mix");
    std::vector<RunRecord> records = design();
    std::set<std::string> expected;
    const std::size_t fields = 1 + rng() % 3;
    for (std::size_t k = 0; k < fields; ++k) {
      const Change& change = all[rng() % all.size()];
      const bool of_point = &change - all.data() >= std::ssize(all) - 2;  // seen where all else agrees
      if (expected.contains(change.field) || (of_point && fields > 1)) continue;
      expected.insert(change.field);
      // every second run of a point, so that a field of points is seen to differ there
      for (std::size_t i = k % 2; i < records.size(); i += 2) change.make(records[i]);
    }
    if (expected.empty()) continue;
    for (RunRecord& r : records) r.id = run_id(r.spec);
    std::set<std::string> found;
    for (const PopulationDifference& d : population_differences(records)) found.insert(d.field);
    for (const std::string& field : expected) EXPECT_TRUE(found.contains(field)) << seed << ": " << field;
    if (expected.contains("model.d_head")) found.erase("model.n_head*d_head/d_model");
    for (const std::string& field : found) EXPECT_TRUE(expected.contains(field)) << seed << ": " << field;
    EXPECT_THROW((void)require_one_population(records, "mix", {}), Error);
    EXPECT_THAT(require_one_population(records, "mix", {.where = {}, .pool = true}), HasSubstr(*expected.begin()));
  }
}

TEST(Population, TheErrorListsFieldsValuesAndTheChoices) {
  std::vector<RunRecord> records = design();
  for (std::size_t i = 0; i < 4; ++i) records[i].spec.model.context = 128;
  const std::string error =
      error_of(ExitCode::data, [&] { (void)require_one_population(records, "studies/mine", {}); });
  EXPECT_THAT(error, HasSubstr("studies/mine"));
  EXPECT_THAT(error, HasSubstr("model.context: 64 (20 runs), 128 (4 runs)"));
  for (const char* choice : {"--where model.context=64", "--out", "--pool"}) EXPECT_THAT(error, HasSubstr(choice));
}

TEST(Population, WhereTakesAFieldByItsShortNameAndAHashByItsBeginning) {
  std::vector<RunRecord> records = design();
  for (std::size_t i = 0; i < 4; ++i) records[i].spec.model.context = 128;
  for (std::size_t i = 10; i < 15; ++i) records[i].spec.data.corpus_sha256 = std::string(64, 'b');
  EXPECT_EQ(records_where(records, {"context=128"}).size(), 4U);
  EXPECT_EQ(records_where(records, {"model.context=64", "corpus=bbbbbb"}).size(), 5U);
  EXPECT_EQ(records_where(records, {"source=trained"}).size(), records.size());
  for (const char* bad : {"contxt=64", "context", "context=65", "=3"}) {
    EXPECT_THROW((void)records_where(records, {bad}), Error) << bad;
  }
}

TEST(Population, WhereTakesACorpusByAnyOfItsNames) {
  std::vector<RunRecord> records = design();
  for (std::size_t i = 0; i < 5; ++i) records[i].spec.data.corpus_sha256 = std::string(64, 'b');
  const std::string a(64, 'a'), b(64, 'b');
  const CorpusNames names = {{a, {"books", "data/books", "all.txt"}}, {b, {"code", "data/code", "all.txt"}}};
  for (const char* code : {"corpus=code", "corpus=data/code", "corpus=data/code/", "corpus=bbbb"}) {
    EXPECT_EQ(records_where(records, {code}, names).size(), 5U) << code;
  }
  const auto error = [&](const char* item) {
    return error_of(ExitCode::usage, [&] { (void)records_where(records, {item}, names); });
  };
  EXPECT_THAT(error("corpus=poems"), HasSubstr("there are books (aaaaaaaaaaaa), code (bbbbbbbbbbbb)"));
  EXPECT_THAT(error("corpus=all.txt"), HasSubstr("may be any of books (aaaaaaaaaaaa), code (bbbbbbbbbbbb)"));
  const CorpusNames misleading = {{a, {"bbbb"}}};
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)records_where(records, {"corpus=bbbb"}, misleading); }),
              HasSubstr("first digits"));
}

TEST(Population, WhereTakesAnyHashWholeAndNoAmbiguousBeginning) {
  std::vector<RunRecord> records = design();
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].spec.data.corpus_sha256 = i < 4 ? "c4" : i < 9 ? "abcd1" : i < 12 ? "abcd2" : "abcd";
  }
  EXPECT_EQ(records_where(records, {"corpus=c4"}).size(), 4U) << "an import may name a corpus as it likes";
  EXPECT_EQ(records_where(records, {"corpus=abcd"}).size(), records.size() - 12) << "exactly that one";
  for (std::size_t i = 12; i < records.size(); ++i) records[i].spec.data.corpus_sha256 = "";
  EXPECT_EQ(records_where(records, {"corpus=none"}).size(), records.size() - 12);
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)records_where(records, {"corpus=abcd"}); }),
              HasSubstr("may be any of abcd1, abcd2"));
}

// Every key of a spec is either of the population, of a point, or what a design varies: none is forgotten.
TEST(Population, EveryFieldOfASpecTellsPopulationsApartOrIsVaried) {
  const RunRecord record = run_of(16, 2, 51200, 0.004, 0);
  std::set<std::string> keys;
  const Json spec = to_json(record.spec);
  for (const auto& [key, value] : spec.items()) {
    if (!value.is_object()) keys.insert(key);
    for (const auto& [inner, item] : value.items()) {
      if (value.is_object()) keys.insert(key + "." + inner);
    }
  }
  const auto population = population_of(record);
  std::set<std::string> outside;
  for (const std::string& key : keys) {
    if (!population.contains(key)) outside.insert(key);
  }
  EXPECT_EQ(outside, (std::set<std::string>{"backend.kind", "data.batch_tokens", "data.corpus_sha256", "data.tokens",
                                            "data.unique_tokens", "model.d_ff", "model.d_model", "model.n_head",
                                            "model.n_layer", "optimizer.beta2_half_life_tokens", "optimizer.lr",
                                            "optimizer.warmup_fraction", "seed"}));
}

// A family whose heads follow from the width is one population; the same widths with other heads are not.
TEST(Population, HeadsThatFollowFromTheWidthDoNotTellRunsApart) {
  std::vector<RunRecord> records = design();
  for (RunRecord& r : records) {
    ModelSpec& m = r.spec.model;
    m.d_head = default_d_head(m.d_model);
    m.n_head = m.d_model / m.d_head;
  }
  std::set<std::int64_t> heads;
  for (const RunRecord& r : records) heads.insert(r.spec.model.d_head);
  ASSERT_GT(heads.size(), 1U) << "or nothing is tried";
  EXPECT_TRUE(population_differences(records).empty());
  for (const RunRecord& r : records) EXPECT_TRUE(same_population(records.front(), r)) << r.spec.model.d_model;
  ModelSpec& other = records.back().spec.model;
  other.d_head = 2;
  other.n_head = other.d_model / 2;
  const auto differences = population_differences(records);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].field, "model.d_head");
  EXPECT_FALSE(same_population(records.front(), records.back()));
}

TEST(Replicates, DifferInNothingButTheSeed) {
  const RunRecord a = run_of(16, 2, 51200, 0.004, 0);
  RunRecord b = a;
  b.spec.seed = 1;
  EXPECT_EQ(replicate_key(a.spec), replicate_key(b.spec));
  for (const Change& change : changes()) {
    if (std::string(change.field) == "source") continue;
    RunRecord c = b;
    change.make(c);
    EXPECT_NE(replicate_key(a.spec), replicate_key(c.spec)) << change.field;
  }
}

// A branch and its check from scratch differ in their warmup: same seed or not, they are no replicates.
TEST(Replicates, ABranchAndItsCheckFromScratchAreNone) {
  std::vector<RunRecord> records;
  for (const std::int64_t width : {16, 24, 32, 40, 48}) {
    for (const std::int64_t seed : {0, 1}) {
      RunRecord scratch = run_of(width, 2, 512000, 0.004, seed);
      scratch.spec.optimizer.warmup_fraction = 0.05;
      scratch.loss.nats = 2 + 0.01 * static_cast<double>(seed);
      records.push_back(scratch);
    }
    RunRecord branch = run_of(width, 2, 512000, 0.004, 0);
    branch.loss.nats = 2.5;
    records.push_back(branch);
  }
  const auto noise = estimate_noise(records, 0);
  ASSERT_TRUE(noise.has_value());
  EXPECT_EQ(noise->freedom, 5);
  EXPECT_NEAR(noise->sd, std::log(2.01 / 2) / std::sqrt(2.0), 1e-12);
}

}  // namespace
}  // namespace scalelaw
