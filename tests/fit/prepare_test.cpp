#include "fit/prepare.hpp"

#include <gmock/gmock.h>

#include "fit/fixtures.hpp"
#include "law/critical_batch.hpp"
#include "law/optimum.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

/// The curve of one run whose rate follows `rate(t)`, t = share of its tokens, at 200 points.
template <class Rate>
std::vector<Observation> curve(const std::string& run, double params, double tokens, const Rate& rate) {
  std::vector<Observation> rows;
  for (int i = 1; i <= 200; ++i) {
    Observation o;
    o.run = run;
    o.params = params;
    o.tokens = tokens * i / 200;
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = predict_loss(test::tiny_law(), o.scale());
    o.lr = rate(i / 200.0);
    rows.push_back(o);
  }
  return rows;
}

double cosine(double t) { return t < 0.02 ? t / 0.02 : 0.5 * (1 + std::cos(M_PI * (t - 0.02) / 0.98)); }
double linear(double t) { return t < 0.02 ? t / 0.02 : (1 - t) / 0.98; }
double cooldown(double t) { return t < 0.02 ? t / 0.02 : t < 0.8 ? 1 : 1 - std::sqrt((t - 0.8) / 0.2); }
double constant(double t) { return t < 0.02 ? t / 0.02 : 1; }

TEST(Curves, KeepTheirDecayedEndAndNothingOfAWarmupOrATrunk) {
  // Where the rate has fallen to a tenth: a cosine's last 20 %, a line's last tenth, a cooldown's last 4 %.
  const std::vector<std::pair<double (*)(double), double>> schedules = {
      {cosine, 0.80}, {linear, 0.90}, {cooldown, 0.96}};
  for (const auto& [rate, from] : schedules) {
    const CurvePoints kept = decayed_points(curve("r", 1e6, 1e8, rate));
    ASSERT_GE(kept.points.size(), 2U);
    EXPECT_NEAR(kept.points.front().tokens / 1e8, from, 0.03);
    EXPECT_EQ(kept.points.back().tokens, 1e8);
    for (const Observation& o : kept.points) {
      EXPECT_LE(*o.lr, 0.1);
      EXPECT_EQ(o.group, "r");
    }
    ASSERT_EQ(kept.finals.size(), 1U);
    EXPECT_EQ(kept.finals[0].tokens, 1e8);
    EXPECT_TRUE(kept.excluded.empty());
  }
}

TEST(Curves, AnUndecayedTrunkIsLeftOutByName) {
  auto rows = curve("trunk", 1e6, 1e8, constant);
  const auto good = curve("decayed", 1e6, 1e8, cosine);
  rows.insert(rows.end(), good.begin(), good.end());
  const CurvePoints kept = decayed_points(rows);
  ASSERT_EQ(kept.excluded.size(), 1U);
  EXPECT_EQ(kept.excluded[0].run, "trunk");
  EXPECT_THAT(kept.excluded[0].reason, HasSubstr("never falls to a tenth"));
  for (const Observation& o : kept.points) EXPECT_EQ(o.run, "decayed");
}

TEST(Curves, NeedNamesAndRates) {
  auto rows = curve("r", 1e6, 1e8, cosine);
  rows[7].lr.reset();
  EXPECT_THROW((void)decayed_points(rows), Error);
  rows = {rows[7]};  // a single row is a final loss
  EXPECT_EQ(decayed_points(rows).points.size(), 1U);
  rows[0].run.clear();
  EXPECT_THROW((void)decayed_points(rows), Error);
}

TEST(Curves, OfManyRunsGiveTheEnvelopeThatFinalLossesGive) {
  // Cosine runs of 13 sizes and 5 budgets each: the decayed ends fill in what the final losses leave out, and the
  // slope of the envelope is the law's.
  std::vector<Observation> rows;
  for (const double flops : test::kTinyBudgets) {
    const double center = compute_optimal(test::tiny_law(), flops).scale.params;
    for (int i = -6; i <= 6; ++i) {
      const double params = center * std::pow(1.25, i);
      const auto run = curve(fmt::format("{:g} {}", flops, i), params, flops / (6 * params), cosine);
      rows.insert(rows.end(), run.begin(), run.end());
    }
  }
  const CurvePoints kept = decayed_points(rows);
  EXPECT_EQ(kept.finals.size(), 65U);
  EXPECT_GT(kept.points.size(), 8 * 65U);
  const FitResult r = fit_points(
      kept.points, {.method = Method::envelope, .bootstrap = {.replicates = 50, .resample = Resample::groups}});
  ASSERT_TRUE(r.converged()) << r.message;
  EXPECT_NEAR(r.derived.at("a"), allocation_exponents(test::tiny_law())->a, 0.02);
  EXPECT_GT(r.bootstrap.derived_se.at("a"), 0);
}

TEST(Curves, OfAStudyAreMovedToTheHeldOutLoss) {
  const TempFolder folder;
  std::string text = "step,tokens,train_loss_nats,lr,grad_norm\n";
  for (int i = 1; i <= 100; ++i) text += fmt::format("{},{},{},{},1\n", i, 1000 * i, 4 - 0.01 * i, cosine(i / 100.0));
  write_file_atomic(folder / "c.csv", text);
  RunRecord record;
  record.id = "abc";
  record.tokens = 100000;
  record.params.total = 5000;
  record.loss.nats = 3.2;
  const auto rows = curve_observations(record, {}, folder / "c.csv");
  ASSERT_EQ(rows.size(), 100U);
  EXPECT_NEAR(rows[99].loss_nats, 3.2 - 0.01, 1e-12);  // the last fiftieth: three rows, about 3.01
  EXPECT_NEAR(rows[49].loss_nats - rows[99].loss_nats, 0.5, 1e-12);
  EXPECT_EQ(rows[49].tokens, 50000);
  EXPECT_DOUBLE_EQ(rows[49].flops, 6.0 * 5000 * 50000);
  EXPECT_EQ(rows[49].run, "abc");
  record.outcome.status = RunStatus::diverged;
  EXPECT_TRUE(curve_observations(record, {}, folder / "c.csv").empty());
  record.outcome.status = RunStatus::completed;
  write_file_atomic(folder / "c.csv", "step,tokens,lr\n1,2,3\n");
  EXPECT_THROW((void)curve_observations(record, {}, folder / "c.csv"), Error);
}

TEST(MinimumSteps, FollowFromStepsAndBatch) {
  Observation o = test::isoflop_design(test::tiny_law(), {1e13}, 1, 2, 0, 1)[0];
  o.params = 1e6;
  o.tokens = 1e8;
  o.loss_nats = 3;
  o.batch_tokens = 1e4;
  const CriticalBatch critical{.tokens = 2.7e5, .alpha = 1};                 // B_crit(3) = 9e4
  EXPECT_NEAR(*with_minimum_steps({o}, critical)[0].steps, 1e4 / 10, 1e-9);  // S = D / B
  o.steps = 500;
  EXPECT_NEAR(*with_minimum_steps({o}, critical)[0].steps, 50, 1e-9);
  o.batch_tokens.reset();
  EXPECT_EQ(*with_minimum_steps({o}, critical)[0].steps, 500);
  o.steps.reset();
  EXPECT_THROW((void)with_minimum_steps({o}, critical), Error);
}

}  // namespace
}  // namespace scalelaw
