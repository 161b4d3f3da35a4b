// What a comparison says beside its exponents: cautions of its fits, why there is none, how N was counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "error_of.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

CompareOptions few_studies() {
  CompareOptions options;
  options.studies = 40;
  options.fit.threads = 2;
  return options;
}

std::vector<Observation> measured(std::uint64_t seed) {
  return simulate_points(tiny_points(), tiny_law(), {.sd = 0.003}, seed, 0);
}

/// The same with one loss that is far off.
std::vector<Observation> with_an_outlier(std::uint64_t seed) {
  std::vector<Observation> points = measured(seed);
  points[10].loss_nats *= 1.3;
  points[10].run = "odd";
  return points;
}

TEST(CompareNotes, CautionsOfTheMeasuredFitsAreInTextAndJson) {
  const Comparison c = compare_with_law("study", with_an_outlier(31), tiny_law(), 0, few_studies());
  EXPECT_THAT(first_cautions(c), Contains(HasSubstr("an outlier: odd")));
  EXPECT_THAT(cautions_text(c), HasSubstr("caution: study: an outlier: odd"));
  EXPECT_THAT(to_json(c)["cautions"]["first"].dump(), HasSubstr("an outlier: odd"));
  EXPECT_TRUE(to_json(c)["cautions"]["second"].empty()) << "a law is not measured";
  EXPECT_THAT(describe(c), Not(HasSubstr("an outlier: odd"))) << "the report says it of its own fits";
  EXPECT_THAT(describe(c), Not(HasSubstr("residuals that hold"))) << "outliers are left out of the noise that is drawn";
  EXPECT_LT(c.noise, 0.012);

  const Comparison two = compare_observations("one", measured(32), "two", with_an_outlier(33), few_studies());
  EXPECT_THAT(first_cautions(two), IsEmpty());
  EXPECT_THAT(second_cautions(two), Contains(HasSubstr("an outlier: odd")));
  EXPECT_THAT(cautions_text(two), HasSubstr("caution: two: an outlier: odd"));
}

TEST(CompareNotes, AFailureSaysWhyAndOnlyWhereNothingHasAVerdict) {
  EXPECT_EQ(compare_with_law("study", measured(34), tiny_law(), 0, few_studies()).failure, "");
  auto points = measured(34);
  points.resize(3);
  EXPECT_THAT(compare_with_law("study", points, tiny_law(), 0, few_studies()).failure,
              HasSubstr("the fit of study did not converge: too_few_points: "));
  const Comparison two = compare_observations("one", measured(35), "two", points, few_studies());
  EXPECT_THAT(two.failure, HasSubstr("the fit of two did not converge: too_few_points"));
  for (const ExponentComparison& e : two.exponents) EXPECT_EQ(e.verdict, Verdict::not_converged);
}

TEST(CompareNotes, NoCountOfNIsClaimedWhereNothingSaysIt) {
  CompareOptions options = few_studies();
  options.first_counted = kOwnCounts;
  const Comparison c = compare_with_law("table", measured(36), published_law("kaplan2020-joint"), 0, options);
  EXPECT_THAT(describe(c), HasSubstr("N counted as table counts it"));
  EXPECT_THAT(c.notes, Contains(HasSubstr("kaplan2020-joint counts N as non_embedding; table does not say")));
  EXPECT_EQ(to_json(c)["counted"], (Json{{"first", "own"}, {"second", "non_embedding"}}));
  // known to be the law's own count: nothing to say
  options.first_counted = "non_embedding";
  const Comparison same = compare_with_law("table", measured(36), published_law("kaplan2020-joint"), 0, options);
  EXPECT_THAT(same.notes, Not(Contains(HasSubstr("counts N as"))));
  EXPECT_THAT(describe(same), HasSubstr("N counted as non_embedding"));
  options.first_counted = kOwnCounts;
  const Comparison two = compare_observations("table", measured(36), "study", measured(37), options);
  EXPECT_THAT(describe(two), HasSubstr("N counted as table counts it, as total in study"));
}

TEST(CompareNotes, ALawOfStepsNeedsSteps) {
  const Law law = published_law("kaplan2020-steps");
  auto points = measured(38);
  const std::string error =
      error_of(ExitCode::data, [&] { (void)compare_with_law("table", points, law, 0, few_studies()); });
  EXPECT_THAT(error, HasSubstr("table: 42 of 42 points have no optimizer steps"));
  EXPECT_THAT(error, HasSubstr("add a column steps"));
  for (Observation& point : points) point.batch_tokens = 1e3;
  EXPECT_NO_THROW((void)compare_with_law("table", points, law, 0, few_studies())) << "S = D / B";
}

TEST(CompareNotes, TheLawOfStepsIsEquivalentToItself) {
  const Law law = published_law("kaplan2020-steps");
  std::vector<Observation> points = tiny_points();
  for (Observation& point : points) point.steps = point.tokens / 1e2;  // S_min
  points = simulate_points(points, law, {.sd = 0.002}, 39, 0);
  CompareOptions options = few_studies();
  options.fit.law = LawKind::kaplan_steps;
  const Comparison c = compare_with_law("table", points, law, 0, options);
  EXPECT_EQ(c.failure, "");
  EXPECT_GT(c.noise, 0.001);
  EXPECT_LT(c.noise, 0.006) << "the residuals are those at the points' steps";
  for (const ExponentComparison& e : c.exponents) EXPECT_NE(e.verdict, Verdict::different) << e.name;
}

}  // namespace
}  // namespace scalelaw
