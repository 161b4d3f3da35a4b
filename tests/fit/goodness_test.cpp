#include "fit/goodness.hpp"

#include <gmock/gmock.h>

#include "fit/cases.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "fit/goodness_text.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

FitOptions plain() {
  FitOptions options;
  options.profile = false;
  return options;
}

std::string cautions_of(const FitResult& r) {
  std::string out;
  for (const std::string& line : r.cautions) out += line + "\n";
  return out;
}

TEST(Goodness, AnOutlierIsNamedAndTheFitWithoutItStandsBeside) {
  const FitResult r = fit_points(test::case_points("outlier.csv"), plain());
  const Goodness& g = r.parametric().goodness;
  // SciPy: the same objective by Nelder-Mead from twelve starts, with and without the row.
  EXPECT_NEAR(g.rms, 0.1057015, 1e-5);
  EXPECT_NEAR(g.r_squared, 0.636525, 1e-4);
  ASSERT_EQ(g.outliers, 1);
  EXPECT_EQ(g.residuals.front().run, "exp17-d128");
  EXPECT_NEAR(g.residuals.front().observed, 7.31, 1e-12);
  EXPECT_NEAR(r.derived.at("a"), 0.513476, 1e-5);
  EXPECT_NEAR(g.without_outliers.at("a"), 0.512618, 1e-5);
  EXPECT_NEAR(g.without_outliers.at("E"), 1.806232, 1e-5);
  EXPECT_THAT(cautions_of(r), HasSubstr("an outlier: exp17-d128 (7.31 where the law says"));
  EXPECT_THAT(describe(r), HasSubstr("without it the fit has a 0.5126 instead of 0.5135"));
  EXPECT_THAT(residuals_text(g), HasSubstr("exp17-d128"));
}

TEST(Goodness, AMislabelledSeriesIsNamed) {
  // Five rows of D = 1e10 are given as 1e11.
  const FitResult r = fit_points(test::case_points("mislabelled_series.csv"), plain());
  const Goodness& g = r.parametric().goodness;
  EXPECT_NEAR(g.rms, 0.0303106, 1e-5);
  EXPECT_EQ(g.outliers, 5);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(g.residuals[i].tokens, 1e11);
    EXPECT_GT(g.residuals[i].residual, 0.06);
  }
  ASSERT_TRUE(g.worst_series);
  EXPECT_EQ(g.worst_series->by, "D");
  EXPECT_EQ(g.worst_series->name, "1e+11");
  EXPECT_NEAR(g.worst_series->mean, 0.036345, 1e-4);
  EXPECT_TRUE(g.series_stands_out);
  EXPECT_NEAR(g.without_outliers.at("E"), 1.8, 0.01) << "the truth";
  EXPECT_THAT(describe(r), HasSubstr("worst series: D 1e+11"));
}

TEST(Goodness, TheQuickStudyRejectsTheFormOfTheLaw) {
  const FitResult r = fit_points(test::case_points("quick_points.csv"), plain());
  ASSERT_TRUE(r.parametric().goodness.lack_of_fit);
  EXPECT_TRUE(r.converged());
  // SciPy: F test of three quadratic terms beside the law's Jacobian, p 6.28e-8 with 3 and 21 degrees of freedom.
  EXPECT_EQ(r.parametric().goodness.lack_of_fit->freedom, 3);
  EXPECT_EQ(r.parametric().goodness.lack_of_fit->rest, 21);
  EXPECT_NEAR(r.parametric().goodness.lack_of_fit->p / 6.28e-8, 1, 0.02);
  EXPECT_NEAR(r.parametric().goodness.rms, 0.0059635, 1e-5);
  EXPECT_THAT(cautions_of(r), HasSubstr("the form chinchilla is rejected by its own residuals"));
}

TEST(Goodness, JsonSaysTheSame) {
  FitResult r = fit_points(test::case_points("mislabelled_series.csv"), plain());
  const FitResult again = fit_from_json(to_json(r), "fit.json");
  EXPECT_EQ(again.cautions, r.cautions);
  EXPECT_EQ(again.parametric().goodness.rms, r.parametric().goodness.rms);
  EXPECT_EQ(again.parametric().goodness.outliers, 5);
  EXPECT_EQ(again.parametric().goodness.worst_series->name, "1e+11");
  EXPECT_EQ(to_json(again), to_json(r));
  EXPECT_EQ(residuals_json(r.parametric().goodness, true).size(), 30U);
}

TEST(Goodness, ResidualsAreHeldAgainstTheNoiseBetweenSeeds) {
  auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 5, 4, 0.01, 3);
  FitOptions options = plain();
  options.noise = NoiseModel{.sd = 0.01, .at_loss = 1, .slope = 0, .freedom = 20};
  const FitResult r = fit_points(points, options);
  ASSERT_TRUE(r.parametric().goodness.noise);
  EXPECT_DOUBLE_EQ(*r.parametric().goodness.noise, 0.01);
  EXPECT_GT(r.parametric().goodness.rms, 0.005);
  EXPECT_LT(r.parametric().goodness.rms, 0.015);
  EXPECT_THAT(describe(r), HasSubstr("noise between seeds 0.01, so"));
}

TEST(Goodness, ExactDataHaveNothingToSay) {
  for (const LawKind law : {LawKind::chinchilla, LawKind::power_c}) {
    FitOptions options = plain();
    options.law = law;
    auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 5, 4, 0, 3);
    if (law == LawKind::power_c) {
      for (Observation& o : points) o.loss_nats = std::pow(1e20 / o.flops, 0.05);
    }
    const FitResult r = fit_points(points, options);
    EXPECT_TRUE(r.cautions.empty()) << cautions_of(r);
    EXPECT_LT(r.parametric().goodness.rms, 1e-8);
    EXPECT_EQ(r.parametric().goodness.outliers, 0);
  }
}

// How often each thing is said of `studies` data sets that the law itself made.
struct Said {
  int outlier = 0, series = 0, form = 0;
};
Said said_of(double noise, int sizes, ObjectiveKind objective, int studies, bool spoil_one) {
  Said said;
  for (int i = 0; i < studies; ++i) {
    auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, sizes, 6, noise,
                                       static_cast<std::uint64_t>(1000 + i));
    if (spoil_one) points[7].loss_nats *= 1 + 15 * noise;
    FitOptions options = plain();
    options.objective.kind = objective;
    const FitResult r = fit_points(points, options);
    if (r.parametric().goodness.outliers > 0) ++said.outlier;
    if (r.parametric().goodness.series_stands_out) ++said.series;
    if (r.parametric().goodness.lack_of_fit && r.parametric().goodness.lack_of_fit->p < kGoodnessLevel) ++said.form;
  }
  return said;
}

TEST(Goodness, SaysNothingOfDataThatTheLawMade) {
  for (const double noise : {0.002, 0.02}) {
    for (const ObjectiveKind objective : {ObjectiveKind::log_huber, ObjectiveKind::log_mse}) {
      const Said said = said_of(noise, 6, objective, 100, false);
      EXPECT_LE(said.outlier, 4) << noise;
      EXPECT_LE(said.series, 4) << noise;
      EXPECT_LE(said.form, 4) << noise;
    }
  }
}

TEST(Goodness, NamesARunFifteenTimesTheNoiseOff) {
  EXPECT_GE(said_of(0.003, 6, ObjectiveKind::log_huber, 50, true).outlier, 49);
}

TEST(Goodness, OneOutlierIsNoSeries) {
  auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 4, 0.002, 3);
  points[10].loss_nats *= 1.4;
  const FitResult r = fit_points(points, {.profile = false});
  EXPECT_EQ(r.parametric().goodness.outliers, 1);
  EXPECT_FALSE(r.parametric().goodness.series_stands_out) << r.parametric().goodness.worst_series->name;
}

}  // namespace
}  // namespace scalelaw
