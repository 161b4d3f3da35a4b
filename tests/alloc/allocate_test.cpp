#include "alloc/allocate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "alloc/nearest_shape.hpp"
#include "alloc/optimum.hpp"
#include "core/rng.hpp"
#include "error_of.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "law/some_laws.hpp"
#include "records/shape.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

constexpr double kGpt3Flops = 3.15e23;

const std::vector<std::string> kOptimumLaws = {"hoffmann2022", "besiroglu2024", "kaplan2020-joint", "muennighoff2023"};

FitResult fit_with_draws(std::size_t draws, double spread) {
  FitResult fit;
  fit.fitted = published_law("besiroglu2024");
  fit.convergence.status = FitStatus::converged;
  fit.flops_range = {.low = 1e18, .high = 1e21};
  Rng rng = make_rng(3, "draws");
  for (std::size_t i = 0; i < draws; ++i) {
    std::vector<double> values = fit.fitted.values;
    for (double& v : values) v *= std::exp(spread * standard_normal(rng));
    fit.bootstrap.draws.push_back(values);
  }
  return fit;
}

TEST(Allocate, Gpt3sBudgetMatchesPublishedOptima) {
  const Allocation tex = allocate(published_law("hoffmann2022"), {.flops = kGpt3Flops});
  EXPECT_NEAR(tex.params, 30.6e9, 0.02 * 30.6e9);
  EXPECT_NEAR(tex.tokens, 1.71e12, 0.02 * 1.71e12);
  EXPECT_NEAR(tex.loss_nats, 1.9405, 5e-5);
  const Allocation besiroglu = allocate(published_law("besiroglu2024"), {.flops = kGpt3Flops});
  EXPECT_NEAR(besiroglu.params, 53.0e9, 0.02 * 53.0e9);
  EXPECT_NEAR(besiroglu.tokens, 0.99e12, 0.02 * 0.99e12);
  EXPECT_NEAR(besiroglu.loss_nats, 1.9923, 5e-5);
  EXPECT_NEAR(besiroglu.tokens_per_param, 18.7, 0.05);
}

TEST(Allocate, GopherBudgetMatchesHoffmannsText) {
  const Allocation a = allocate(published_law("hoffmann2022"), {.flops = 5.76e23});
  EXPECT_NEAR(a.params, 40.4e9, 0.05e9);
  EXPECT_NEAR(a.tokens, 2.38e12, 0.005e12);
}

TEST(Allocate, NoNeighbourAtTheSameComputeIsBetter) {
  for (const std::string& name : kOptimumLaws) {
    const Law& law = published_law(name);
    for (const double flops : {1e12, 1e17, 1e24}) {
      const Allocation a = allocate(law, {.flops = flops});
      EXPECT_NEAR(6 * a.params * a.tokens, flops, 1e-9 * flops);
      for (const double factor : {0.9, 0.99, 1.01, 1.1}) {
        EXPECT_GT(predict_loss(law, Scale{.params = a.params * factor, .tokens = a.tokens / factor}), a.loss_nats)
            << name;
      }
    }
  }
}

TEST(Allocate, FixedModelDataAndLossAreInversesOfABudget) {
  for (const std::string& name : kOptimumLaws) {
    const Law& law = published_law(name);
    for (const double flops : {1e13, 1e21}) {
      const Allocation a = allocate(law, {.flops = flops});
      EXPECT_NEAR(allocate(law, {.params = a.params}).flops / flops, 1, 1e-9) << name;
      EXPECT_NEAR(allocate(law, {.tokens = a.tokens}).flops / flops, 1, 1e-9) << name;
      EXPECT_NEAR(allocate(law, {.loss = a.loss_nats}).flops / flops, 1, 1e-8) << name;
    }
  }
}

// Laws whose loss falls beyond a hump of N; that of the second, a fit of 240 runs, rises at budgets far beyond them.
TEST(Allocate, ALawWithoutAConstantExponentIsInvertedNearItsRuns) {
  Law fitted = some_law(LawKind::farseer);
  fitted.values = {9.24707, -0.0495116, -4.24771, 849.65, -0.244959, 2.88837, 6.28742, -0.0852219, -0.284174};
  for (const Law& law : {some_law(LawKind::farseer), fitted}) {
    for (const double flops : {1e19, 1e21, 1e23}) {
      const Optimum best = compute_optimal(law, flops);
      const std::vector<AllocationRequest> requests = {
          {.params = best.scale.params}, {.tokens = best.scale.tokens}, {.loss = best.loss_nats}};
      for (const AllocationRequest& request : requests) {
        EXPECT_NEAR(allocate(law, request).flops / flops, 1, 1e-5) << flops;
      }
      for (const double share : {1.0, 1e-3}) {
        const Allocation used = allocate(law, {.flops = flops, .inference_tokens = share * best.scale.tokens});
        EXPECT_LT(used.params, best.scale.params * (1 + 1e-6));
        EXPECT_GT(used.params, (1 - 0.7 * share) * best.scale.params);
        EXPECT_GT(used.loss_nats, best.loss_nats);
      }
    }
    EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.loss = 1e-9}); }),
                HasSubstr("no compute reaches"));
  }
}

TEST(Allocate, KaplansOptimalSizeHasNoLoss) {
  const Allocation a = allocate(published_law("kaplan2020-optimal"), {.flops = 8.64e19});
  EXPECT_NEAR(a.params, 1.3e9, 1);
  EXPECT_TRUE(std::isnan(a.loss_nats));
  EXPECT_TRUE(to_json(a)["loss"].is_null());
  EXPECT_NEAR(allocate(published_law("kaplan2020-optimal"), {.params = 1.3e9}).flops, 8.64e19, 1e12);
}

TEST(Allocate, RequestsThatCannotBeAnsweredAreNamed) {
  const Law& law = published_law("besiroglu2024");
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {}); }), HasSubstr("0 of --flops"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.flops = 1e20, .loss = 2}); }),
              HasSubstr("exactly one"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.loss = 1.8}); }), HasSubstr("lie above 1.8172"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.flops = -1}); }), HasSubstr("--flops is -1"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.flops = std::nan("")}); }),
              HasSubstr("positive and finite"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(published_law("kaplan2020-n"), {.flops = 1e20}); }),
              HasSubstr("optimal"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.params = 1e9, .unique_tokens = 1e9}); }),
              HasSubstr("fixed model"));
  EXPECT_THAT(
      error_of(ExitCode::usage,
               [&] { (void)allocate(published_law("kaplan2020-joint"), {.flops = 1e20, .unique_tokens = 1e9}); }),
      HasSubstr("repeated data"));
}

TEST(Allocate, AFitThatDidNotConvergeIsRefusedByName) {
  FitResult fit = fit_with_draws(0, 0);
  fit.convergence.status = FitStatus::stalled;
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)allocate(fit, {.flops = 1e20}); }), HasSubstr("stalled"));
}

TEST(Allocate, IntervalsCoverTheEstimateAndWidenWithExtrapolation) {
  const FitResult fit = fit_with_draws(400, 0.01);
  const Allocation near = allocate(fit, {.flops = 1e21});
  const Allocation far = allocate(fit, {.flops = 1e25});
  EXPECT_DOUBLE_EQ(near.extrapolation_factor, 1);
  EXPECT_DOUBLE_EQ(far.extrapolation_factor, 1e4);
  for (const Allocation* a : {&near, &far}) {
    EXPECT_LT(a->ci95.at("params").low, a->params);
    EXPECT_GT(a->ci95.at("params").high, a->params);
    EXPECT_LT(a->ci95.at("loss").low, a->loss_nats);
    EXPECT_GT(a->ci95.at("loss").high, a->loss_nats);
    EXPECT_FALSE(a->ci95.contains("flops"));
  }
  const auto width = [](const Allocation& a) { return std::log(a.ci95.at("params").high / a.ci95.at("params").low); };
  EXPECT_GT(width(far), width(near));
  EXPECT_THAT(describe({near, far}), HasSubstr("C = 10²⁵ lies 10000 times above the largest (10²¹)"));
}

TEST(Allocate, DrawsThatCannotReachTheLossLeaveTheIntervalOpen) {
  const Allocation a = allocate(fit_with_draws(400, 0.02), {.loss = 1.86});
  EXPECT_TRUE(std::isfinite(a.ci95.at("flops").low));
  EXPECT_TRUE(std::isinf(a.ci95.at("flops").high));
  EXPECT_TRUE(to_json(a)["ci95"]["flops"][1].is_null());
}

// Every quantity of the same draws: one that no compute brings to the loss is endless compute in each of them.
TEST(Allocate, IntervalsOfEveryQuantityAreOfTheSameDraws) {
  for (const double spread : {0.005, 0.01, 0.02, 0.05}) {
    for (const double loss : {1.825, 1.84, 1.86, 1.95}) {
      const FitResult fit = fit_with_draws(400, spread);
      const Allocation a = allocate(fit, {.loss = loss});
      std::int64_t unreachable = 0;
      Law law = fit.fitted;
      for (const auto& draw : fit.bootstrap.draws) {
        law.values = draw;
        unreachable += draw[0] >= loss ? 1 : 0;  // E is the floor
      }
      EXPECT_EQ(a.draws, 400);
      EXPECT_NEAR(static_cast<double>(a.unreachable), static_cast<double>(unreachable), 2);  // beyond 1e60 FLOPs
      const bool open = static_cast<double>(a.unreachable) > 0.03 * 400;
      for (const char* name : {"params", "tokens", "flops"}) {
        if (!a.ci95.contains(name)) continue;
        EXPECT_TRUE(std::isfinite(a.ci95.at(name).low));
        EXPECT_TRUE(!open || std::isinf(a.ci95.at(name).high)) << name << " " << spread << " " << loss;
      }
      const std::string text = describe({a});
      EXPECT_EQ(text.find("[no bound"), std::string::npos) << text;
      EXPECT_EQ(text.find("nan"), std::string::npos) << text;
      EXPECT_EQ(text.find("of 400 bootstrap draws reach it with no compute") != std::string::npos, a.unreachable > 0);
      EXPECT_EQ(to_json(a)["unreachable_draws"], a.unreachable);
    }
  }
}

TEST(Allocate, ALawOfTheOptimalSizeHasNoIntervalOfTheLoss) {
  FitResult fit;
  fit.law = LawKind::optimal;
  fit.fitted = published_law("kaplan2020-optimal");
  fit.convergence.status = FitStatus::converged;
  fit.flops_range = {.low = 1e18, .high = 1e21};
  for (int i = 0; i < 100; ++i) fit.bootstrap.draws.push_back({fit.fitted.values[0] * (1 + 0.001 * i), 0.73});
  const Allocation a = allocate(fit, {.flops = 1e20});
  EXPECT_FALSE(a.ci95.contains("loss"));
  EXPECT_TRUE(a.ci95.contains("params"));
  EXPECT_EQ(describe({a}).find("no bound"), std::string::npos);
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(fit, {.loss = 2}); }),
              HasSubstr("gives the optimal size, not a loss"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(fit, {.flops = 1e20, .inference_tokens = 1e9}); }),
              HasSubstr("not a loss"));
}

TEST(Allocate, NoErrorEverSpeaksOfNan) {
  for (const Law& law : published_laws()) {
    for (const double loss : {1e-300, 1e-6, 0.5, 1.7, 3.0, 50.0, 1e9}) {
      for (const bool repeats : {false, true}) {
        AllocationRequest request{.loss = loss};
        if (repeats) request.unique_tokens = 1e9;
        std::string text;
        try {
          text = describe({allocate(law, request)});
        } catch (const Error& e) {
          text = e.what();
        }
        EXPECT_EQ(text.find("nan"), std::string::npos) << law.name << " " << loss << ": " << text;
      }
    }
  }
}

FitResult fit_of_small_runs() {
  FitResult fit = fit_with_draws(0, 0);
  fit.law = LawKind::chinchilla;
  fit.params_range = {.low = 1.4e4, .high = 1.73e5};
  fit.tokens_range = {.low = 4e5, .high = 1e7};
  fit.flops_range = {.low = 4e10, .high = 1e12};
  fit.ratio_range = {.low = 5, .high = 700};
  return fit;
}

TEST(Allocate, AModelFarBelowAllThatRanIsSaid) {
  const Allocation a = allocate(fit_of_small_runs(), {.flops = 1e13, .inference_tokens = 1e12});
  ASSERT_LT(a.params, 10);
  EXPECT_THAT(describe({a}), HasSubstr("the answer lies outside the runs behind the fit: N = "));
  EXPECT_THAT(describe({a}), HasSubstr("times below the smallest (14k)"));
  EXPECT_EQ(to_json(a)["outside"][0]["quantity"], "params");
  EXPECT_EQ(to_json(a)["outside"][0]["side"], "below");
  // a published law knows its runs too
  EXPECT_THAT(describe({allocate(published_law("hoffmann2022"), {.flops = 1e13})}),
              HasSubstr("outside the runs behind the law"));
  EXPECT_EQ(describe({allocate(published_law("hoffmann2022"), {.flops = 1e21})}).find("warning"), std::string::npos);
}

TEST(Allocate, AMeasuredLossBelowThePredictedOptimumIsSaid) {
  FitResult fit = fit_of_small_runs();
  const double predicted = allocate(fit, {.flops = 1e12}).loss_nats;
  fit.best_measured = {{.flops = 1e11, .loss_nats = 1.05 * predicted}, {.flops = 9e11, .loss_nats = 0.985 * predicted}};
  const Allocation a = allocate(fit, {.flops = 1e12});
  ASSERT_TRUE(a.measured_below);
  EXPECT_EQ(a.measured_below->flops, 9e11);
  EXPECT_THAT(describe({a}), HasSubstr("a run of 9×10¹¹ FLOPs measured"));
  EXPECT_NEAR(to_json(a)["measured_below"]["loss"].get<double>(), 0.985 * predicted, 1e-12);
  EXPECT_FALSE(allocate(fit, {.flops = 8e11}).measured_below) << "that run took more compute";
  fit.noise = NoiseModel{.sd = 0.02, .at_loss = 2, .slope = 0, .freedom = 5};
  EXPECT_FALSE(allocate(fit, {.flops = 1e12}).measured_below) << "within the noise between seeds";
}

TEST(Allocate, TooFewDrawsGiveNoInterval) {
  EXPECT_TRUE(allocate(fit_with_draws(10, 0.01), {.flops = 1e20}).ci95.empty());
}

TEST(Allocate, JsonHoldsTheContract) {
  const Json json = to_json(allocate(fit_with_draws(100, 0.01), {.flops = 1e22}));
  EXPECT_EQ(json["schema"], "scalelaw.allocation/1");
  EXPECT_EQ(json["given"]["flops"], 1e22);
  for (const char* key :
       {"law", "params", "tokens", "flops", "tokens_per_param", "loss", "ci95", "extrapolation_factor", "shape"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  EXPECT_EQ(json["ci95"]["params"].size(), 2U);
  EXPECT_TRUE(json["shape"].contains("d_model"));
}

// Sardana et al. 2024: a 13B Chinchilla-optimal model that is to serve 2T tokens is better replaced by one of about 7B
// trained on about twice the tokens, which saves about 17 % of the FLOPs.
TEST(AllocateLifetime, ServingTokensFavourASmallerModelTrainedLonger) {
  const Law& law = published_law("hoffmann2022");
  const Allocation chinchilla = allocate(law, {.params = 13e9});
  const Allocation lifetime = allocate(law, {.loss = chinchilla.loss_nats, .inference_tokens = 2e12});
  EXPECT_NEAR(lifetime.params, 7.1e9, 0.1e9);
  EXPECT_NEAR(lifetime.tokens / chinchilla.tokens, 2.10, 0.03);
  const double saved = 1 - (lifetime.flops + lifetime.inference_flops) / (chinchilla.flops + 2 * 13e9 * 2e12);
  EXPECT_NEAR(saved, 0.16, 0.015);
  EXPECT_NEAR(lifetime.inference_saving, saved, 1e-9);
  EXPECT_THAT(describe({lifetime}), HasSubstr(fmt::format("{:.1f} %", 100 * saved)));
  EXPECT_NEAR(predict_loss(law, Scale{.params = lifetime.params, .tokens = lifetime.tokens}), chinchilla.loss_nats,
              1e-9);
}

TEST(AllocateLifetime, TheDualProblemsAgreeAndNoNeighbourIsCheaper) {
  const Law& law = published_law("besiroglu2024");
  const double inference = 1e12;
  const Allocation best = allocate(law, {.flops = 1e23, .inference_tokens = inference});
  EXPECT_NEAR(best.flops + best.inference_flops, 1e23, 1e14);
  const Allocation dual = allocate(law, {.loss = best.loss_nats, .inference_tokens = inference});
  EXPECT_NEAR(dual.params / best.params, 1, 1e-5);
  for (const double factor : {0.8, 0.95, 1.05, 1.25}) {
    const double params = best.params * factor;
    const double tokens = (1e23 - 2 * params * inference) / (6 * params);
    EXPECT_GT(predict_loss(law, Scale{.params = params, .tokens = tokens}), best.loss_nats);
  }
}

TEST(AllocateLifetime, WithoutUseItIsTheComputeOptimum) {
  const Law& law = published_law("besiroglu2024");
  const Allocation plain = allocate(law, {.flops = 1e22});
  const Allocation little = allocate(law, {.flops = 1e22, .inference_tokens = 1});
  EXPECT_NEAR(little.params / plain.params, 1, 1e-5);
}

TEST(AllocateUniqueTokens, EnoughDataChangeNothingAndFewCostLoss) {
  const Law& law = published_law("muennighoff2023");
  const Allocation plain = allocate(law, {.flops = 1e21});
  const Allocation enough = allocate(law, {.flops = 1e21, .unique_tokens = 2 * plain.tokens});
  EXPECT_NEAR(enough.params / plain.params, 1, 1e-9);
  const Allocation scarce = allocate(law, {.flops = 1e21, .unique_tokens = plain.tokens / 8});
  EXPECT_GT(scarce.loss_nats, plain.loss_nats);
  EXPECT_GT(to_json(scarce)["epochs"].get<double>(), 4);
}

TEST(AllocateUniqueTokens, AChinchillaLawTakesMuennighoffsDecayOfRepeats) {
  const Law repeated = with_repetition(published_law("besiroglu2024"));
  EXPECT_EQ(repeated.kind, LawKind::data_constrained);
  EXPECT_EQ(repeated.value("alpha"), 0.3478);
  EXPECT_EQ(repeated.value("R_D"), 15.387756);
  const Allocation scarce = allocate(published_law("besiroglu2024"), {.flops = 1e21, .unique_tokens = 1e9});
  EXPECT_GT(scarce.loss_nats, allocate(published_law("besiroglu2024"), {.flops = 1e21}).loss_nats);
}

TEST(AllocateUniqueTokens, WhereTheLossRisesFewerTokensAndALargerModel) {
  const Law law = some_law(LawKind::data_overfitting);
  const double flops = 1e22, unique = 1e10;
  const Allocation free = allocate(law, {.flops = flops}),
                   few = allocate(law, {.flops = flops, .unique_tokens = unique});
  EXPECT_GT(few.params, 1.5 * free.params);
  EXPECT_LT(few.tokens, free.tokens / 1.5);
  EXPECT_GT(few.loss_nats, free.loss_nats);
  // At that budget more compute makes it worse: a third of it reaches the same loss.
  const Allocation cheaper = allocate(law, {.loss = few.loss_nats, .unique_tokens = unique});
  EXPECT_LT(cheaper.flops, 0.5 * flops);
  EXPECT_NEAR(cheaper.loss_nats, few.loss_nats, 1e-9);
  const double below = allocate(law, {.flops = 1e21, .unique_tokens = unique}).loss_nats;
  EXPECT_NEAR(allocate(law, {.loss = below, .unique_tokens = unique}).flops / 1e21, 1, 1e-6);
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)allocate(law, {.loss = 2.2, .unique_tokens = unique}); }),
              HasSubstr("no compute reaches a loss of 2.2"));
}

TEST(AllocateUniqueTokens, UseAndScarcityTogetherBeatTheirNeighbours) {
  const Law& law = published_law("muennighoff2023");
  const Optimum best = constrained_optimal(law, 1e21, {.inference_tokens = 1e10, .unique_tokens = 2e9});
  for (const double factor : {0.5, 0.9, 1.1, 2.0}) {
    const double params = best.scale.params * factor;
    const double tokens = (1e21 / params - 2e10) / 6;
    const LawPoint point{.params = params, .tokens = tokens, .flops = 6 * params * tokens, .unique_tokens = 2e9};
    EXPECT_GT(predict_loss(law, point), best.loss_nats) << factor;
  }
}

TEST(NearestShape, IsBuildableWithinTheBandAndNearInParameters) {
  for (const double params : {2e4, 1e5, 1e6, 1e7, 1e9, 7e10, 1.75e11}) {
    const ShapeFamily family = default_shape_family(params);
    const ModelSpec shape = nearest_shape(params, family);
    EXPECT_NO_THROW(check_shape(shape, "nearest"));
    EXPECT_EQ(shape.d_ff, 4 * shape.d_model);
    const double aspect = static_cast<double>(shape.d_model) / static_cast<double>(shape.n_layer);
    EXPECT_GE(aspect, family.aspect / 1.6);
    EXPECT_LE(aspect, family.aspect * 1.6);
    EXPECT_NEAR(std::log(static_cast<double>(count_params(shape).total) / params), 0, params < 1e6 ? 0.3 : 0.1)
        << params;
  }
}

TEST(NearestShape, FindsAShapeOfTheLadderItself) {
  for (const std::int64_t layers : {1, 2, 3, 5}) {
    ModelSpec shape;
    shape.n_layer = layers;
    shape.d_head = 8;
    shape.n_head = 2 * layers;
    shape.d_model = 16 * layers;
    shape.d_ff = 64 * layers;
    const ParamCounts counts = count_params(shape);
    const ModelSpec total = nearest_shape(static_cast<double>(counts.total), {.d_head = 8, .vocab = 256, .aspect = 16});
    EXPECT_EQ(count_params(total).total, counts.total);
    const ModelSpec inner = nearest_shape(static_cast<double>(counts.non_embedding),
                                          {.d_head = 8, .vocab = 256, .aspect = 16}, ParamsCount::non_embedding);
    EXPECT_EQ(count_params(inner).non_embedding, counts.non_embedding);
  }
}

}  // namespace
}  // namespace scalelaw
