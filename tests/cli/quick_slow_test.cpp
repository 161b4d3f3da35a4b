// What the trained quick study must show, whatever machine trained it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/observation.hpp"
#include "corpus/corpus.hpp"
#include "fit/fit.hpp"
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

TEST_F(QuickStudy, RecordsAreTrainedAndTheBestBeatsTheBigramEntropy) {
  const RecordSet records = read_records(folder);
  EXPECT_TRUE(records.bad.empty());
  double best = 1e9;
  for (const auto& [id, record] : records.records) {
    EXPECT_EQ(record.source, "trained");
    if (record.loss.nats) best = std::min(best, *record.loss.nats);
  }
  EXPECT_LT(best, load_manifest(fs::path(SCALELAW_SOURCE_DIR) / "data/webster1913").entropy_nats.bigram);
}

TEST_F(QuickStudy, BothFitsConvergedWithIntervalsAndInteriorMinima) {
  const FitResult parametric = fit_from_json(read_json_file(folder / "fits/parametric.json"), "parametric.json");
  EXPECT_EQ(parametric.convergence.status, "converged");
  for (const char* name : {"a", "b"}) {
    const Interval interval = parametric.bootstrap.derived_ci95.at(name);
    EXPECT_LT(interval.low, parametric.derived.at(name));
    EXPECT_GT(interval.high, parametric.derived.at(name));
  }
  const FitResult isoflop = fit_from_json(read_json_file(folder / "fits/isoflop.json"), "isoflop.json");
  EXPECT_EQ(isoflop.convergence.status, "converged");
  EXPECT_GE(std::ranges::count_if(isoflop.budgets, [](const IsoflopBudget& b) { return b.status == "interior"; }), 2);
}

}  // namespace
}  // namespace scalelaw
