// Coverage of a design: what it counts, and what it refuses.
#include "inference/coverage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "error_of.hpp"
#include "inference/coverage_text.hpp"
#include "inference/surface.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

CoverageOptions quick_options() {
  CoverageOptions options;
  options.studies = 30;
  options.noise.sd = 0.003;
  options.fit.bootstrap = {.replicates = 40, .resample = Resample::runs, .seed = 1};
  options.fit.threads = 2;
  return options;
}

const QuantityCoverage& quantity(const Coverage& c, const std::string& name) {
  for (const QuantityCoverage& q : c.quantities) {
    if (q.name == name) return q;
  }
  throw std::logic_error("no quantity " + name);
}

TEST(Coverage, TruthIsThatOfTheLawAndEstimatesScatterAroundIt) {
  const Law law = tiny_law();
  const Coverage c = coverage(tiny_points(), law, quick_options());
  EXPECT_EQ(c.studies, 30);
  EXPECT_EQ(c.failed, 0);
  EXPECT_EQ(c.points, 42);
  EXPECT_EQ(c.groups, 42);
  EXPECT_EQ(quantity(c, "alpha").truth, 0.35);
  EXPECT_EQ(quantity(c, "beta").truth, 0.30);
  EXPECT_NEAR(quantity(c, "a").truth, 0.30 / 0.65, 1e-12);
  EXPECT_NEAR(c.flops, 6e14, 1);
  EXPECT_NEAR(quantity(c, "ln_params_optimal").truth, std::log(compute_optimal(law, c.flops).scale.params), 1e-12);
  for (const QuantityCoverage& q : c.quantities) {
    EXPECT_NEAR(q.bias, q.mean - q.truth, 1e-12) << q.name;
    EXPECT_LT(std::abs(q.bias), q.sd) << q.name;
    EXPECT_LT(q.width80, q.width95) << q.name;
    EXPECT_LE(q.covered80, q.covered95) << q.name;
    EXPECT_GT(q.covered95, 0.8) << q.name;
    EXPECT_NEAR(q.width95 / (2 * 1.96 * q.sd), 1, 0.6) << q.name;
  }
}

TEST(Coverage, WidthsFollowTheNoise) {
  CoverageOptions small = quick_options(), large = quick_options();
  large.noise.sd = 4 * small.noise.sd;
  const double ratio = quantity(coverage(tiny_points(), tiny_law(), large), "a").width95 /
                       quantity(coverage(tiny_points(), tiny_law(), small), "a").width95;
  EXPECT_NEAR(ratio, 4, 1.5);
}

TEST(Coverage, IsTheSameOnAnyNumberOfThreadsAndDiffersBySeed) {
  CoverageOptions options = quick_options();
  options.studies = 6;
  const auto text = [&] { return to_json(coverage(tiny_points(), tiny_law(), options)).dump(); };
  const std::string two = text();
  options.fit.threads = 1;
  EXPECT_EQ(text(), two);
  options.seed = 2;
  EXPECT_NE(text(), two);
}

TEST(Coverage, GroupsAreCountedAndSharedNoiseIsNamedWhereRunsAreResampled) {
  CoverageOptions options = quick_options();
  options.studies = 3;
  options.noise.group_share = 0.5;
  const Coverage c = coverage(tiny_trunks(), tiny_law(), options);
  EXPECT_EQ(c.groups, 7);
  EXPECT_THAT(describe(c), HasSubstr("only --resample components"));
  EXPECT_THAT(describe(c), HasSubstr("42 points in 7 independent units"));
  EXPECT_EQ(to_json(c)["schema"], "scalelaw.coverage/1");
}

TEST(Coverage, ADesignThatCannotEstimateTheLawSaysSo) {
  auto points = tiny_points();
  points.resize(5);
  const Coverage c = coverage(points, tiny_law(), quick_options());
  EXPECT_EQ(c.studies, 0);
  EXPECT_EQ(c.failed, 30);
  EXPECT_TRUE(c.quantities.empty());
  EXPECT_THAT(describe(c), HasSubstr("no fit of any study converged"));
}

TEST(Coverage, WrongOptionsAreNamed) {
  const auto message = [](auto change) {
    CoverageOptions options = quick_options();
    change(options);
    return error_of(ExitCode::usage, [&] { (void)coverage(tiny_points(), tiny_law(), options); });
  };
  EXPECT_THAT(message([](auto& o) { o.studies = 1; }), HasSubstr("--studies is 1"));
  EXPECT_THAT(message([](auto& o) { o.fit.bootstrap.replicates = 5; }), HasSubstr("--bootstrap is 5"));
  EXPECT_THAT(message([](auto& o) { o.noise.sd = -1; }), HasSubstr("--noise is -1"));
  EXPECT_THAT(message([](auto& o) { o.noise.group_share = 2; }), HasSubstr("--group-share is 2"));
  EXPECT_THAT(error_of(ExitCode::usage,
                       [] { (void)coverage(tiny_points(), published_law("kaplan2020-optimal"), quick_options()); }),
              HasSubstr("cannot be simulated"));
}

TEST(DesignPoints, RatesAndSeedsAreOnePointAndShapesShareATrunk) {
  StudyConfig config;
  config.design.budgets = {1e9, 2e9};
  config.design.shapes = {{.d_model = 16, .n_layer = 1}, {.d_model = 24, .n_layer = 2}};
  config.design.learning_rates = {0.01, 0.02};
  config.design.seeds = {0, 1};
  config.design.min_steps = 1;
  const auto points = design_points(make_plan(config, nullptr).runs, {});
  ASSERT_EQ(points.size(), 4U);
  for (const Observation& point : points) {
    EXPECT_EQ(point.group, point.shape);
    EXPECT_NEAR(point.flops / point.budget, 1, 0.05);
    EXPECT_NEAR(point.flops, 6 * point.params * point.tokens, 1);
  }
  config.schedule.kind = ScheduleKind::cosine;
  for (const Observation& point : design_points(make_plan(config, nullptr).runs, {})) EXPECT_EQ(point.group, "");
}

}  // namespace
}  // namespace scalelaw
