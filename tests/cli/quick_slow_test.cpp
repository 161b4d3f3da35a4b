// What the trained quick study must show, whatever machine trained it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "corpus/corpus.hpp"
#include "design/plan.hpp"
#include "fit/fit.hpp"
#include "fit/fit_from_json.hpp"
#include "os/cpu.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "records/observation.hpp"
#include "select/select.hpp"
#include "study/store.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

struct QuickStudy : testing::Test {
  fs::path folder = fs::path(SCALELAW_SOURCE_DIR) / "studies/quick";
  void SetUp() override {
    if (!fs::exists(folder / "records.csv")) GTEST_SKIP() << "not made yet; scripts/quickstart.sh makes it";
  }
};

TEST_F(QuickStudy, TrainedManySizesAtManyBudgetsAndLossFallsWithData) {
  std::map<double, std::map<double, double>> loss;  // N -> D -> loss
  std::set<double> budgets;
  for (const Observation& point : read_observations(folder / "records.csv")) {
    loss[point.params][point.tokens] = point.loss_nats;
    budgets.insert(point.budget);
  }
  budgets.erase(0);
  EXPECT_GE(loss.size(), 5U);
  EXPECT_GE(budgets.size(), 4U);
  for (const auto& [params, by_tokens] : loss) {
    double before = 1e9;
    for (const auto& [tokens, nats] : by_tokens) {
      EXPECT_LT(nats, before) << params << " params, " << tokens << " tokens";
      before = nats;
    }
  }
}

/// Run -> loss, trained with AVX2; other instruction sets add in another order.
std::map<std::string, double> losses_kept(const char* file) {
  std::map<std::string, double> kept;
  for (const Observation& point : read_observations(fs::path(SCALELAW_SOURCE_DIR) / "data/records" / file)) {
    kept[point.run] = point.loss_nats;
  }
  return kept;
}

/// The first budget, trained with AVX2, has the losses that are kept, to the last bit.
void expect_first_budget(const char* file, const std::string& family) {
  if (!may_use(InstructionSet::avx2)) GTEST_SKIP() << "this processor has no AVX2";
  const TempFolder out;
  const ProgramResult made =
      run_scalelaw(SCALELAW_SOURCE_DIR,
                   fmt::format("study configs/quick.toml --set design.budgets=[4e10] --set training.precision=fp32 {} "
                               "--backend train --device cpu --out '{}'",
                               family, (out / "first").string()),
                   "SCALELAW_MAX_ISA=avx2");
  ASSERT_EQ(made.code, 0) << made.err;
  const std::map<std::string, double> kept = losses_kept(file);
  std::size_t compared = 0;
  for (const auto& [id, record] : read_records(out / "first").records) {
    EXPECT_TRUE(record.context.engine.starts_with("native avx2")) << record.context.engine;
    const auto there = kept.find(id);
    if (there == kept.end()) continue;  // a rate that a neighbour called for
    ++compared;
    EXPECT_EQ(record.loss.nats, there->second) << id;
  }
  EXPECT_GE(compared, 12U);
}

TEST_F(QuickStudy, TheFirstBudgetTrainedWithAvx2HasTheLossesKeptToTheLastBit) { expect_first_budget("quick.csv", ""); }

/// Runs of the family before learned scales are still that family's, with the ids that they had.
TEST_F(QuickStudy, TheFamilyOfBeforeStillHasItsLossesToTheLastBit) {
  expect_first_budget("quick_undivided.csv",
                      "--set model.d_head=8 --set model.qk_scale=none --set model.embedding_lr_factor=1");
}

TEST_F(QuickStudy, LossesAreThoseKeptToTheLastBitOnTheSameInstructionSet) {
  const std::map<std::string, double> kept = losses_kept("quick.csv");
  std::size_t compared = 0;
  for (const auto& [id, record] : read_records(folder).records) {
    const auto there = kept.find(id);
    if (there == kept.end() || !record.loss.nats) continue;
    ++compared;
    if (record.context.engine.starts_with("native avx2")) {
      EXPECT_EQ(*record.loss.nats, there->second) << id;
    } else {
      EXPECT_NEAR(*record.loss.nats, there->second, 0.04) << id;  // about six times the noise between seeds
    }
  }
  EXPECT_GE(compared, kept.size() * 9 / 10) << "runs are made for what others gave, so some may differ";
}

TEST_F(QuickStudy, RecordsAreTrainedAndTheBestBeatsTheBigramEntropy) {
  const RecordSet records = read_records(folder);
  EXPECT_TRUE(records.bad.empty());
  double best = 1e9;
  for (const auto& [id, record] : records.records) {
    EXPECT_EQ(record.source, RunSource::trained);
    if (record.loss.nats) best = std::min(best, *record.loss.nats);
  }
  EXPECT_LT(best, load_manifest(fs::path(SCALELAW_SOURCE_DIR) / "data/webster1913").entropy_nats.bigram);
}

TEST_F(QuickStudy, BothFitsConvergedWithIntervalsAndInteriorMinima) {
  const FitResult parametric = fit_from_json(read_json_file(folder / "fits/parametric.json"), "parametric.json");
  EXPECT_EQ(parametric.convergence.status, FitStatus::converged);
  for (const char* name : {"a", "b"}) {
    const Interval interval = parametric.bootstrap.derived_ci95.at(name);
    EXPECT_LT(interval.low, parametric.derived.at(name));
    EXPECT_GT(interval.high, parametric.derived.at(name));
  }
  const FitResult isoflop = fit_from_json(read_json_file(folder / "fits/isoflop.json"), "isoflop.json");
  EXPECT_EQ(isoflop.convergence.status, FitStatus::converged);
  EXPECT_GE(std::ranges::count_if(isoflop.isoflop().budgets,
                                  [](const IsoflopBudget& b) { return b.status == BudgetStatus::interior; }),
            2);
}

TEST_F(QuickStudy, ReachesATrillionFlopsAndTrainsFourTimesTheFirstQuickStudy) {
  std::vector<RunSpec> runs;
  double largest = 0;
  for (const auto& [id, record] : read_records(folder).records) {
    runs.push_back(record.spec);
    largest = std::max(largest, record.flops.six_nd_total);
  }
  EXPECT_GT(largest, 0.99e12);
  // The first one (2.5e10 to 2e11 FLOPs, 6 shapes, 4 rates) trained 5.64e12, shared trunks counted once.
  EXPECT_GE(training_flops(runs), 4 * 5.64e12);
}

TEST_F(QuickStudy, TheBestRateOfEveryPointIsBracketedOrTheReportNamesIt) {
  const Json rates = read_json_file(folder / "fits/learning_rates.json");
  const std::string report = read_text_file(folder / "report.html");
  std::size_t interior = 0;
  for (const Json& sweep : rates.at("sweeps")) {
    if (sweep.at("status") == "interior") {
      ++interior;
      continue;
    }
    LrSweep point;
    point.shape = sweep.at("shape").get<std::string>();
    point.tokens = sweep.at("tokens").get<double>();
    EXPECT_NE(report.find(describe_point(point)), std::string::npos) << describe_point(point) << " is not named";
  }
  EXPECT_GE(rates.at("sweeps").size(), 29U);  // the largest shape has too few steps at the least budget
  EXPECT_GE(10 * interior, 9 * rates.at("sweeps").size()) << "at most one in ten may stay open";
  EXPECT_EQ(rates.at("status"), "fitted") << "a law of the best rate";
  EXPECT_LT(rates.at("params").at("params_exponent").get<double>(), 0) << "larger models want smaller rates";
}

TEST_F(QuickStudy, BranchesAreAsGoodAsRunsFromScratch) {
  const Json check = read_json_file(folder / "fits/learning_rates.json").at("branching");
  ASSERT_GE(check.at("points").size(), 5U) << "one for each size";
  std::size_t within = 0;
  for (const Json& point : check.at("points")) within += point.at("status") == "within_noise" ? 1 : 0;
  // Each is judged at 5 %: of five, two accused by chance alone happen in one study of forty.
  EXPECT_GE(within + 2, check.at("points").size());
  EXPECT_LT(std::abs(check.at("mean_nats").get<double>()), 0.02);
}

}  // namespace
}  // namespace scalelaw
