#include "design/config.hpp"

#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/files.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class Config : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("scalelaw_config_{}_{}",
                                                      ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                                                      ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  StudyConfig read(const std::string& text, const std::vector<std::string>& overrides = {}) const {
    write_file_atomic(folder_ / "mine.toml", text);
    return read_study_config(folder_ / "mine.toml", overrides);
  }
  void expect_error(const std::string& text, const std::vector<std::string>& parts) const {
    const std::string error = error_of(ExitCode::usage, [&] { (void)read(text); });
    for (const auto& part : parts) EXPECT_THAT(error, HasSubstr(part)) << text;
  }
  fs::path folder_;
};

TEST_F(Config, TakesItsNameFromTheFile) {
  EXPECT_EQ(read("[design]\nbudgets = [1e10]\n").name, "mine");
  EXPECT_EQ(read("name = \"other\"\n[design]\nbudgets = [1e10]\n").name, "other");
}

TEST_F(Config, ResolvedTomlReadsBackToTheSameConfig) {
  StudyConfig config = read(
      "[design]\nbudgets = [1e10, 3.3e11]\nshapes = [{ d_model = 16, n_layer = 2 }]\n"
      "[simulation.params]\nE = 1.5\n[optimizer]\nbeta2_half_life_tokens = 1e5\n"
      "[backend]\ncommand = [\"a \\\"b\\\"\", \"{job}\"]\n");
  const StudyConfig again = read(to_toml(to_json_fields(config)));
  EXPECT_EQ(to_json_fields(again), to_json_fields(config));
}

// A held budget is one of the design, something is left to fit, and a file that holds none does not say so.
TEST_F(Config, AHeldBudgetIsOneThatIsRun) {
  const std::string budgets = "[design]\nbudgets = [1e10, 1e11, 1e12]\n";
  EXPECT_EQ(read(budgets + "hold = [1.04e12]\n").design.hold, (std::vector<double>{1.04e12}));
  expect_error(budgets + "hold = [1.06e12]\n", {"mine.toml:3", "design.hold[0]", "none of design.budgets"});
  expect_error(budgets + "hold = [1e10, 1e11, 1e12]\n", {"design.hold", "no run is left to fit"});
  expect_error("[design]\nkind = \"grid\"\nwidths = [16]\ndepths = [1]\ntokens = [1000]\nhold = [1e12]\n",
               {"design.hold", "a grid has no budgets"});
  const Json without = to_json_fields(read(budgets)), with = to_json_fields(read(budgets + "hold = [1e12]\n"));
  EXPECT_FALSE(without.at("design").contains("hold"));
  EXPECT_EQ(with.at("design").at("hold"), Json::array({1e12}));
}

// Rules that came later hold for what is started, not for the study.toml of a folder that is there.
TEST_F(Config, AKeptFileMayBreakTheRulesThatCameAfterIt) {
  const std::string text =
      "[design]\nbudgets = [1e10, 2e10, 1e10]\nseeds = [0, 0, 3]\nlearning_rates = [0.01, 12.5, 0.01]\n"
      "shapes = [{ d_model = 16, n_layer = 2 }, { n_layer = 2, d_model = 16 }]\n";
  EXPECT_THROW((void)read(text), Error);
  const StudyConfig kept = read_kept_config(folder_ / "mine.toml");
  EXPECT_EQ(kept.design.budgets, (std::vector<double>{1e10, 2e10}));
  EXPECT_EQ(kept.design.seeds, (std::vector<std::int64_t>{0, 3}));
  EXPECT_EQ(kept.design.learning_rates, (std::vector<double>{0.01, 12.5}));
  EXPECT_EQ(kept.design.shapes.size(), 1U);
  EXPECT_THROW((void)read("[design]\nbudgets = [1e10]\nlearning_rates = [12.5]\n"), Error);
  write_file_atomic(folder_ / "mine.toml", "[design]\nbudgets = [1e10]\nlearning_rates = [-1]\n");
  EXPECT_THROW((void)read_kept_config(folder_ / "mine.toml"), Error) << "no version took it";
}

// The family of models is part of what a run's loss is, so a folder of before keeps the one it was planned with.
TEST_F(Config, AKeptFileWithoutThemMeansUndividedScoresAndOneRateForAll) {
  const std::string text = "[design]\nbudgets = [1e10]\n[model]\nd_head = 8\n";
  const StudyConfig fresh = read(text);
  EXPECT_TRUE(fresh.model.spec.qk_scale.is(QkScale::learned));
  const StudyConfig kept = read_kept_config(folder_ / "mine.toml");
  EXPECT_TRUE(kept.model.spec.qk_scale.is(QkScale::none));
  EXPECT_EQ(fresh.model.spec.embedding_lr_factor, 4);
  EXPECT_EQ(kept.model.spec.embedding_lr_factor, 1);
  EXPECT_EQ(to_json_fields(read(to_toml(to_json_fields(kept)))), to_json_fields(kept)) << "it is written out";
  fs::create_directories(folder_ / "old/runs");
  write_file_atomic(folder_ / "old/study.toml", text);
  const StudyConfig as_config = read_study_config(folder_ / "old/study.toml");
  EXPECT_TRUE(as_config.model.spec.qk_scale.is(QkScale::none)) << "given as a config it is the same study";
  EXPECT_EQ(as_config.model.spec.embedding_lr_factor, 1);
  write_file_atomic(folder_ / "mine.toml", to_toml(to_json_fields(fresh)));
  EXPECT_EQ(to_json_fields(read_kept_config(folder_ / "mine.toml")), to_json_fields(fresh));
}

TEST_F(Config, HeadsFollowFromTheWidthUnlessTheirsIsGiven) {
  const StudyConfig config = read("[design]\nbudgets = [1e10]\n");
  for (const auto& [width, d_head, n_head] : {std::tuple{24, 12, 2}, {64, 16, 4}, {40, 20, 2}}) {
    const ModelSpec spec = model_spec(config.model, {.d_model = width, .n_layer = 2});
    EXPECT_EQ(spec.d_head, d_head) << width;
    EXPECT_EQ(spec.n_head, n_head) << width;
  }
  const StudyConfig given = read("[design]\nbudgets = [1e10]\n[model]\nd_head = 8\n");
  EXPECT_EQ(model_spec(given.model, {.d_model = 24, .n_layer = 2}).n_head, 3);
  expect_error("[design]\nbudgets = [1e10]\nshapes = [{ d_model = 15, n_layer = 2 }]\n",
               {"design.shapes[0].d_model", "15", "even"});
}

TEST_F(Config, OverridesWin) {
  EXPECT_EQ(read("[design]\nbudgets = [1e10]\n", {"design.seeds=[1, 2]"}).design.seeds,
            (std::vector<std::int64_t>{1, 2}));
}

TEST_F(Config, ErrorsNameFileLineKeyAndWhatIsAllowed) {
  expect_error("[design]\nbudgets = [1e10]\nbatch_token = 256\n",
               {"mine.toml:3", "design.batch_token", "did you mean 'batch_tokens'?"});
  expect_error("[design]\nbudgets = [-1]\n", {"mine.toml:2", "design.budgets[0]", "> 0"});
  expect_error("[design]\nbudgets = 1e10\n", {"must be an array"});
  expect_error("[design]\nkind = \"isoflops\"\n", {"grid | isoflop", "did you mean \"isoflop\"?"});
}

/// Of every list of the design, whatever it holds: an item given twice would make the same runs again, or make them
/// count twice.
TEST_F(Config, ListsHoldNoItemTwice) {
  expect_error("[design]\nbudgets = [1e10]\nseeds = [0, 0]\n",
               {"mine.toml:3: key 'design.seeds[1]' is 0, as design.seeds[0] is; list each once"});
  expect_error("[design]\nbudgets = [1e10]\nlearning_rates = [0.01, 0.02, 0.010]\n",
               {"'design.learning_rates[2]' is 0.01, as design.learning_rates[0] is"});
  expect_error("[design]\nbudgets = [1e10, 10000000000]\n", {"design.budgets[1]"});
  expect_error("[design]\nbudgets = [1e10]\nshapes = [{ d_model = 16, n_layer = 2 }, { n_layer = 2, d_model = 16 }]\n",
               {"design.shapes[1]"});
  Rng rng = make_rng(1, "lists");
  for (const std::string key : {"budgets", "widths", "depths", "tokens", "learning_rates", "seeds"}) {
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<double> list(2 + uniform_below(rng, 5));
      for (std::size_t i = 0; i < list.size(); ++i) {
        list[i] = key == "learning_rates" ? 0.001 * static_cast<double>(i + 1) : 8 * static_cast<double>(i + 1);
      }
      const std::string others = key == "budgets" ? "" : "budgets = [1e10]\n";
      const auto text = [&] { return fmt::format("[design]\n{}{} = [{}]\n", others, key, fmt::join(list, ", ")); };
      EXPECT_NO_THROW((void)read(text())) << text();
      const std::size_t twice = 1 + uniform_below(rng, list.size() - 1), as = uniform_below(rng, twice);
      list[twice] = list[as];
      expect_error(text(),
                   {fmt::format("'design.{}[{}]' is ", key, twice), fmt::format("as design.{}[{}] is", key, as)});
    }
  }
}

TEST_F(Config, RatesThatNoOptimizerSurvivesAreRefused) {
  expect_error("[design]\nbudgets = [1e10]\nlearning_rates = [0.01, 3000]\n",
               {"mine.toml:3: key 'design.learning_rates[1]' is 3000; allowed: above 0 .. 10"});
  EXPECT_EQ(read("[design]\nbudgets = [1e10]\nlearning_rates = [10]\n").design.learning_rates.front(), 10);
}

TEST_F(Config, IsCheckedAsAWhole) {
  expect_error("", {"design.budgets", "isoflop"});
  expect_error("[design]\nkind = \"grid\"\ndepths = [1]\ntokens = [100000]\n", {"design.widths"});
  expect_error("[design]\nbudgets = [1e10]\nlearning_rates = []\n", {"design.learning_rates", "mine.toml:3"});
  expect_error("[design]\nbudgets = [1e10]\nseeds = []\n", {"design.seeds"});
  expect_error("[design]\nbudgets = [1e10]\nshapes = [{ d_model = 20, n_layer = 1 }]\n[model]\nd_head = 8\n",
               {"design.shapes[0].d_model", "multiple"});
  expect_error("[design]\nbudgets = [1e10]\nshapes = [{ d_model = 16 }]\n", {"design.shapes[0]", "n_layer"});
  expect_error("[design]\nbudgets = [1e10]\nbatch_tokens = 100\n",
               {"design.batch_tokens", "multiple of model.context"});
  expect_error("[design]\nbudgets = [1e10]\n[training]\nmicro_tokens = 100\n",
               {"mine.toml:4", "training.micro_tokens", "multiple of model.context, 64"});
  expect_error("[design]\nbudgets = [1e10]\n[training]\nmicro_tokens = 192\n",
               {"mine.toml:4", "training.micro_tokens", "must divide design.batch_tokens, 256"});
  expect_error("[design]\nbudgets = [1e10]\n[training]\nmicro_tokens = -64\n", {"training.micro_tokens", ">= 0"});
  expect_error("[design]\nbudgets = [1e10]\naspect_min = 20\n", {"design.aspect_min", "aspect_max"});
  expect_error("[design]\nbudgets = [1e10]\nlr_transfer_checks = 1\n", {"design.lr_transfer_checks", "is 0"});
  expect_error("[design]\nbudgets = [1e10]\n[backend]\nkind = \"command\"\n", {"backend.command"});
  expect_error("[design]\nbudgets = [1e10]\n[analysis]\nlaw = \"chinchila\"\n",
               {"mine.toml:4", "analysis.law", "did you mean \"chinchilla\"?"});
  expect_error("[design]\nbudgets = [1e10]\n[analysis]\nlaw = \"optimal\"\n",
               {"mine.toml:4", "analysis.law", "a law of the loss"});
  expect_error("[design]\nbudgets = [1e10]\n[compare]\nlaw = \"hofmann2022\"\n",
               {"mine.toml:4", "compare.law", "scalelaw laws"});
  expect_error("[design]\nbudgets = [1e10]\n[model]\nd_head = 7\n", {"model.d_head", "even"});
  expect_error("[design]\nbudgets = [1e10]\n[model]\nparametrization = \"completeP\"\n",
               {"model.parametrization", "standard | completep", "did you mean \"completep\"?"});
  expect_error("[design]\nbudgets = [1e10]\n[model]\ntie_embeddings = true\nparametrization = \"completep\"\n",
               {"mine.toml:5: key 'model.parametrization' is \"completep\"", "set tie_embeddings = false"});
  expect_error("name = \"a/b\"\n[design]\nbudgets = [1e10]\n", {"name"});
  expect_error("[design]\nbudgets = [1e10]\n[optimizer]\nwarmup = 0.9\n", {"optimizer.warmup"});
}

TEST_F(Config, EveryShippedStudyIsValid) {
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(SCALELAW_SOURCE_DIR) / "configs")) {
    if (entry.path().extension() != ".toml") continue;
    EXPECT_NO_THROW((void)read_study_config(entry.path())) << entry.path();
  }
}

TEST(ConfigReference, IsTheTableOfTheDocumentation) {
  const std::string doc = read_text_file(fs::path(SCALELAW_SOURCE_DIR) / "docs" / "CONFIG.md");
  const auto begin = doc.find("| key |");
  ASSERT_NE(begin, std::string::npos);
  const auto end = doc.find("\n\n", begin);
  EXPECT_EQ(doc.substr(begin, end == std::string::npos ? end : end + 1 - begin), config_reference())
      << "replace the table of docs/CONFIG.md by the output of: scalelaw doctor --config-keys";
}

TEST(ConfigReference, NamesEveryLeafOfTheJsonForm) {
  const std::string table = config_reference();
  const Json config = to_json_fields(StudyConfig());
  for (const auto& [section, value] : config.items()) {
    if (!value.is_object()) continue;
    for (const auto& [key, item] : value.items()) {
      if (item.is_object() && !item.empty()) continue;  // a nested table: its own keys are listed
      EXPECT_THAT(table, HasSubstr(fmt::format("| `{}.{}` |", section, key)));
    }
  }
}

}  // namespace
}  // namespace scalelaw
