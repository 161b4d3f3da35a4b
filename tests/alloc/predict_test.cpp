#include "alloc/predict.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

FitResult fit_with_draws(double spread) {
  FitResult fit;
  fit.fitted = published_law("besiroglu2024");
  fit.convergence.status = FitStatus::converged;
  fit.flops_range = {.low = 1e18, .high = 1e21};
  Rng rng = make_rng(3, "draws");
  for (int i = 0; i < 200; ++i) {
    std::vector<double> values = fit.fitted.values;
    for (double& v : values) v *= std::exp(spread * standard_normal(rng));
    fit.bootstrap.draws.push_back(values);
  }
  return fit;
}

// Losses of GPT-3 (175e9 parameters, 300e9 tokens) and of 70e9 on 1.4e12 tokens, computed from the constants by hand.
TEST(Predict, KnownModelsUnderPublishedLaws) {
  const LawPoint gpt3{.params = 175e9, .tokens = 300e9};
  const LawPoint chinchilla{.params = 70e9, .tokens = 1.4e12};
  EXPECT_NEAR(predict(published_law("hoffmann2022"), gpt3).loss_nats, 1.976, 5e-4);
  EXPECT_NEAR(predict(published_law("besiroglu2024"), gpt3).loss_nats, 2.009, 5e-4);
  EXPECT_NEAR(predict(published_law("kaplan2020-joint"), gpt3).loss_nats, 1.661, 5e-4);
  EXPECT_NEAR(predict(published_law("kaplan2020-n"), gpt3).loss_nats, 1.604, 5e-4);
  EXPECT_NEAR(predict(published_law("hoffmann2022"), chinchilla).loss_nats, 1.921, 5e-4);
  EXPECT_NEAR(predict(published_law("besiroglu2024"), chinchilla).loss_nats, 1.974, 5e-4);
  EXPECT_DOUBLE_EQ(predict(published_law("hoffmann2022"), gpt3).point.flops, 3.15e23);
}

TEST(Predict, RepeatedTokensMatchTheAuthorsExample) {
  const LawPoint repeated{.params = 6.34e9, .tokens = 242e9, .unique_tokens = 25e9};
  EXPECT_NEAR(predict(published_law("muennighoff2023"), repeated).loss_nats, 2.2256440889984477, 1e-6);
}

TEST(Predict, AChinchillaFitPricesRepeats) {
  const FitResult fit = fit_with_draws(0.01);
  const Prediction fresh = predict(fit, {.params = 1e9, .tokens = 20e9});
  const Prediction repeated = predict(fit, {.params = 1e9, .tokens = 20e9, .unique_tokens = 2e9});
  EXPECT_GT(repeated.loss_nats, fresh.loss_nats);
  EXPECT_GT(repeated.ci95->low, fresh.ci95->low);
}

TEST(Predict, IntervalsCoverTheEstimateAndWarnBeyondTheData) {
  const Prediction inside = predict(fit_with_draws(0.01), {.params = 1e9, .tokens = 20e9});
  const Prediction beyond = predict(fit_with_draws(0.01), {.params = 1e12, .tokens = 20e12});
  ASSERT_TRUE(inside.ci95);
  EXPECT_LT(inside.ci95->low, inside.loss_nats);
  EXPECT_GT(inside.ci95->high, inside.loss_nats);
  EXPECT_THAT(describe(inside), testing::Not(HasSubstr("warning")));
  EXPECT_THAT(describe(beyond), HasSubstr("C = 1.2×10²⁶ lies 120000 times above the largest (10²¹)"));
  EXPECT_EQ(to_json(beyond)["schema"], "scalelaw.prediction/1");
}

TEST(Predict, ALawAsksOnlyForWhatItNeeds) {
  const Prediction n = predict(published_law("kaplan2020-n"), {.params = 1e9});
  EXPECT_NEAR(n.loss_nats, std::pow(8.8e13 / 1e9, 0.076), 1e-12);
  EXPECT_TRUE(to_json(n)["tokens"].is_null());
  EXPECT_TRUE(to_json(n)["tokens_per_param"].is_null());
  EXPECT_EQ(describe(n), "kaplan2020-n: loss 2.3756 nats per token at N = 1B (non_embedding)\n");
  EXPECT_NEAR(predict(published_law("kaplan2020-d"), {.tokens = 1e10}).loss_nats, std::pow(5.4e13 / 1e10, 0.095),
              1e-12);
  EXPECT_NEAR(predict(published_law("kaplan2020-c"), {.flops = 8.64e19}).loss_nats, std::pow(3.1e8, 0.05), 1e-9);
  EXPECT_GT(predict(published_law("kaplan2020-c"), {.params = 1e8, .tokens = 1e9}).loss_nats, 0);
  EXPECT_GT(predict(published_law("kaplan2020-steps"), {.params = 1e8, .steps = 1e4}).loss_nats, 0);
  const auto refused = [](const char* law, const LawPoint& point) {
    return error_of(ExitCode::usage, [&] { (void)predict(published_law(law), point); });
  };
  EXPECT_THAT(refused("kaplan2020-n", {.tokens = 1e9}), HasSubstr("--params is missing"));
  EXPECT_THAT(refused("kaplan2020-d", {.params = 1e9}), HasSubstr("--tokens is missing"));
  EXPECT_THAT(refused("kaplan2020-c", {.params = 1e9}), HasSubstr("--flops is missing"));
  EXPECT_THAT(refused("besiroglu2024", {.params = 1e9}), HasSubstr("--tokens is missing"));
  EXPECT_THAT(refused("besiroglu2024", {.params = 1e9, .tokens = 1e9, .flops = 1e18}), HasSubstr("is not 6 N D"));
}

TEST(Predict, WarnsInEveryQuantity) {
  FitResult fit = fit_with_draws(0.01);
  fit.params_range = {.low = 1.4e4, .high = 1.73e5};
  fit.tokens_range = {.low = 4e5, .high = 1e7};
  fit.flops_range = {.low = 4e10, .high = 1e12};
  fit.ratio_range = {.low = 5, .high = 700};
  // 6 N D = 6e11 lies within the runs, and nothing else does
  const std::string text = describe(predict(fit, {.params = 1e7, .tokens = 1e4}));
  EXPECT_THAT(text, HasSubstr("N = 10M lies 57.8 times above the largest (173k)"));
  EXPECT_THAT(text, HasSubstr("D = 10k lies 40 times below the smallest (400k)"));
  EXPECT_THAT(text, HasSubstr("D/N = 0.001 lies 5000 times below the smallest (5)"));
  EXPECT_EQ(text.find("C ="), std::string::npos);
  EXPECT_EQ(std::ranges::count(text, '\n'), 2);
}

TEST(Predict, DrawsWithoutALossAreCounted) {
  FitResult fit = fit_with_draws(0.01);
  for (int i = 0; i < 50; ++i) fit.bootstrap.draws[static_cast<std::size_t>(i)][0] = std::nan("");
  const Prediction p = predict(fit, {.params = 1e9, .tokens = 20e9});
  EXPECT_EQ(p.lost_draws, 50);
  EXPECT_TRUE(p.ci95);
  EXPECT_THAT(describe(p), HasSubstr("50 bootstrap draws give no loss here"));
}

TEST(Predict, WrongInputIsNamed) {
  const Law& law = published_law("besiroglu2024");
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)predict(law, {.params = 0, .tokens = 1}); }),
              HasSubstr("--params is missing"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)predict(law, {.params = 1, .tokens = -1}); }),
              HasSubstr("--tokens is -1"));
  EXPECT_THAT(error_of(ExitCode::usage,
                       [&] { (void)predict(published_law("kaplan2020-optimal"), {.params = 1, .tokens = 1}); }),
              HasSubstr("not a loss"));
  EXPECT_THAT(error_of(ExitCode::usage,
                       [&] { (void)predict(published_law("kaplan2020-steps"), {.params = 1e6, .tokens = 1e9}); }),
              HasSubstr("--steps is missing"));
  FitResult fit = fit_with_draws(0.01);
  fit.convergence.status = FitStatus::at_bound;
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)predict(fit, {.params = 1e6, .tokens = 1e9}); }),
              HasSubstr("at_bound"));
}

}  // namespace
}  // namespace scalelaw
