// Designs that cannot show what a law has to find are named before anything is solved.
#include "fit/design_check.hpp"

#include <gmock/gmock.h>

#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using Kind = DesignShape::Kind;

/// A run whose loss is that of a plausible law, with noise.
Observation run_at(double params, double tokens, Rng& rng) {
  Observation o;
  o.params = params;
  o.tokens = tokens;
  o.flops = 6 * params * tokens;
  o.steps = tokens / 1e3;
  o.unique_tokens = tokens / 3;
  o.loss_nats = predict_loss(test::tiny_law(), law_point(o)) * std::exp(0.003 * standard_normal(rng));
  return o;
}

/// Twelve runs of a shape, each off it by up to 1 %.
std::vector<Observation> runs_of(Kind kind, std::uint64_t seed) {
  Rng rng = make_rng(seed, "design check");
  const auto between = [&](double low, double high) { return low * std::pow(high / low, uniform01(rng)); };
  const double n = between(1e4, 1e9), d = between(1e6, 1e11), ratio = between(1, 100), slope = 0.3 + uniform01(rng);
  const double exact = slope > 0.9 && slope < 1.1 ? 0.6 : slope;
  std::vector<Observation> points;
  for (int i = 0; i < 12; ++i) {
    const double x = std::pow(1.6, i), off = std::exp(0.01 * (uniform01(rng) - 0.5));
    double params = n * x, tokens = d * std::pow(1.9, (i * 5) % 12);
    if (kind == Kind::one_params) params = n;
    if (kind == Kind::one_tokens) tokens = d;
    if (kind == Kind::ray) tokens = ratio * params * off;
    if (kind == Kind::one_budget) tokens = d * off / x;
    if (kind == Kind::line) tokens = d * off * std::pow(x, exact);
    if (kind == Kind::point) {
      params = n;
      tokens = d;
    }
    points.push_back(run_at(params, tokens, rng));
  }
  return points;
}

TEST(DesignCheck, RandomDesignsOfEachShapeAreKnown) {
  for (const Kind kind :
       {Kind::plane, Kind::point, Kind::one_params, Kind::one_tokens, Kind::ray, Kind::one_budget, Kind::line}) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      EXPECT_EQ(static_cast<int>(design_shape(runs_of(kind, seed)).kind), static_cast<int>(kind)) << seed;
    }
  }
}

TEST(DesignCheck, EveryLawOfTwoVariablesRefusesARayAndTakesAPlane) {
  for (const LawKind law : {LawKind::chinchilla, LawKind::kaplan, LawKind::kaplan_steps, LawKind::data_constrained,
                            LawKind::data_overfitting, LawKind::overtraining, LawKind::farseer}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const FitResult bad = fit_points(runs_of(Kind::ray, seed), {.law = law, .profile = false});
      EXPECT_EQ(bad.convergence.status, FitStatus::design) << law_form(law).name;
      EXPECT_TRUE(bad.fitted.values.empty());
      EXPECT_THAT(describe(bad), HasSubstr("every run has"));
      EXPECT_FALSE(design_problem(runs_of(Kind::plane, seed), law, {})) << law_form(law).name;
    }
  }
}

TEST(DesignCheck, TheRayOfTheCaseIsNamedWithTheRunsThatMendIt) {
  const auto points = read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/ratio20.csv");
  for (const LawKind law : {LawKind::chinchilla, LawKind::kaplan}) {
    const FitResult r = fit_points(points, {.law = law});
    EXPECT_EQ(r.convergence.status, FitStatus::design);
    EXPECT_THAT(r.message, HasSubstr("every run has D = 20 N"));
    EXPECT_THAT(r.message, HasSubstr("for example params="));
    EXPECT_FALSE(r.converged());
  }
  // What one variable needs is there.
  EXPECT_EQ(fit_points(points, {.law = LawKind::power_n, .offset = true, .profile = false}).convergence.status,
            FitStatus::converged);
  EXPECT_NEAR(design_shape(points).factor, 20, 0.01);
}

TEST(DesignCheck, RunsThatTheAdviceAsksForMendTheDesign) {
  for (const Kind kind : {Kind::ray, Kind::one_params, Kind::one_tokens, Kind::line}) {
    std::vector<Observation> points = runs_of(kind, 3);
    ASSERT_TRUE(design_problem(points, LawKind::chinchilla, {}));
    Rng rng = make_rng(1, "mend");
    const double n = points[6].params, d = points[6].tokens;
    for (const double factor : {0.25, 4.0}) {
      points.push_back(kind == Kind::one_params ? run_at(n * factor, d, rng) : run_at(n, d * factor, rng));
    }
    EXPECT_FALSE(design_problem(points, LawKind::chinchilla, {})) << static_cast<int>(kind);
  }
}

TEST(DesignCheck, OneBudgetIsFittedAndSaysWhatItRestsOn) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    std::vector<Observation> points = runs_of(Kind::one_budget, seed);
    EXPECT_FALSE(design_problem(points, LawKind::chinchilla, {})) << "a falling and a rising term are two curves";
    const FitResult r = fit_points(points, {.law = LawKind::chinchilla, .profile = false});
    EXPECT_THAT(r.cautions, testing::Contains(HasSubstr("every run has the same compute, 6 N D = ")));
    EXPECT_THAT(one_valley(points, LawKind::kaplan, {}),
                HasSubstr("rests on the shape of one valley; add runs at other"));
    EXPECT_TRUE(one_valley(points, LawKind::power_n, {}).empty());
    Rng rng = make_rng(seed, "mend");
    points.push_back(run_at(points[6].params, 8 * points[6].tokens, rng));
    EXPECT_TRUE(one_valley(points, LawKind::chinchilla, {}).empty());
    EXPECT_TRUE(one_valley(runs_of(Kind::ray, seed), LawKind::chinchilla, {}).empty());
    EXPECT_TRUE(
        one_valley(runs_of(Kind::one_budget, seed), LawKind::chinchilla, {{"alpha", 0.3}, {"beta", 0.3}}).empty());
  }
}

TEST(DesignCheck, RepeatedDataAreAWayOfTheirOwn) {
  std::vector<Observation> points = runs_of(Kind::ray, 1);
  EXPECT_TRUE(design_problem(points, LawKind::data_constrained, {})) << "a third of D is a ray too";
  Rng rng = make_rng(1, "unique");
  for (Observation& o : points) o.unique_tokens = o.tokens / std::exp(4 * uniform01(rng));
  EXPECT_FALSE(design_problem(points, LawKind::data_constrained, {}));
  EXPECT_TRUE(design_problem(points, LawKind::chinchilla, {})) << "which knows of no repetition";
}

TEST(DesignCheck, HeldParametersCanMakeALineEnough) {
  const std::vector<Observation> ray = runs_of(Kind::ray, 1);
  EXPECT_TRUE(design_problem(ray, LawKind::chinchilla, {{"beta", 0.24}}));
  EXPECT_FALSE(design_problem(ray, LawKind::chinchilla, {{"B", 30.0}, {"beta", 0.24}}));
  EXPECT_FALSE(design_problem(ray, LawKind::chinchilla, {{"alpha", 0.5}, {"beta", 0.2}}));
  EXPECT_TRUE(design_problem(ray, LawKind::chinchilla, {{"alpha", 0.3}, {"beta", 0.3}})) << "one shape twice";
  EXPECT_FALSE(design_problem(ray, LawKind::kaplan, {{"Dc", 1e9}, {"alphaD", 0.2}}));
  EXPECT_TRUE(design_problem(ray, LawKind::kaplan, {{"Dc", 1e9}}));
  const std::vector<Observation> one = runs_of(Kind::one_params, 1);
  EXPECT_TRUE(design_problem(one, LawKind::chinchilla, {}));
  EXPECT_TRUE(design_problem(one, LawKind::chinchilla, {{"A", 12.0}}));
  EXPECT_FALSE(design_problem(one, LawKind::chinchilla, {{"A", 12.0}, {"alpha", 0.28}}));
  EXPECT_FALSE(design_problem(one, LawKind::chinchilla, {{"E", 1.0}, {"alpha", 0.28}}));
}

TEST(DesignCheck, OneVariableNeedsItsOwnToMove) {
  const std::vector<Observation> sizes = runs_of(Kind::one_tokens, 1), lengths = runs_of(Kind::one_params, 1);
  EXPECT_FALSE(design_problem(sizes, LawKind::power_n, {{"E", 0.0}}));
  EXPECT_TRUE(design_problem(lengths, LawKind::power_n, {{"E", 0.0}}));
  EXPECT_TRUE(design_problem(sizes, LawKind::power_d, {{"E", 0.0}}));
  EXPECT_FALSE(design_problem(sizes, LawKind::power_c, {}));
  EXPECT_TRUE(ignored_variable(sizes, LawKind::power_n).empty());
  // Both vary: fitted, with a caution.
  const FitResult r = fit_points(runs_of(Kind::plane, 1), {.law = LawKind::power_n, .profile = false});
  EXPECT_EQ(r.convergence.status, FitStatus::converged) << r.message;
  EXPECT_THAT(describe(r), HasSubstr("caution: the law power-n looks at N alone"));
}

TEST(DesignCheck, DecaysNeedRunsThatRepeatData) {
  std::vector<Observation> points = runs_of(Kind::plane, 1);
  EXPECT_FALSE(design_problem(points, LawKind::data_constrained, {}));
  for (Observation& o : points) o.unique_tokens.reset();
  EXPECT_THAT(design_problem(points, LawKind::data_constrained, {})->text(), HasSubstr("no run repeats its data"));
  EXPECT_FALSE(design_problem(points, LawKind::data_constrained, {{"R_D", 15.0}, {"R_N", 5.0}}));
}

}  // namespace
}  // namespace scalelaw
