// The choice of law: who answers, and what stands in the table.
#include "fit/choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "error_of.hpp"
#include "fit/choice_text.hpp"
#include "fit/fixtures.hpp"
#include "records/read_observations.hpp"

namespace scalelaw {
namespace {

using testing::Contains;
using testing::HasSubstr;

Law outer_law(double k) {
  // The constants of the quick study's law with its outer power.
  return {.kind = LawKind::outer,
          .values = {0.61, 310, 343, 0.588, 0.458, k},
          .name = "outer",
          .source = "",
          .convention = {}};
}

Law chinchilla_law() {
  return {.kind = LawKind::chinchilla,
          .values = {1.27, 130, 55, 0.63, 0.40},
          .name = "chinchilla",
          .source = "",
          .convention = {}};
}

std::vector<Observation> study(const Law& law, double noise, std::uint64_t seed) {
  std::vector<Observation> points =
      test::isoflop_design(law, {4e10, 8e10, 1.6e11, 3.2e11, 5.6e11, 1e12}, 5, 4, noise, seed);
  for (Observation& o : points) o.budget = o.flops;
  return points;
}

FitOptions plain() {
  FitOptions options{.objective = {.kind = ObjectiveKind::log_mse}, .profile = false, .goodness = false};
  options.bootstrap.replicates = 0;
  return options;
}

const std::vector<LawKind> kTwo = {LawKind::chinchilla, LawKind::outer};

TEST(Choice, TheWiderLawAnswersWhereThePointsRejectTheOneWithin) {
  const LawChoice choice = choose_law(study(outer_law(0.386), 0.003, 1), kTwo, plain());
  ASSERT_EQ(choice.tests.size(), 1U);
  EXPECT_EQ(choice.answer().law, LawKind::outer);
  EXPECT_TRUE(choice.tests.front().rejected());
  EXPECT_NEAR(choice.tests.front().estimate, 0.386, 0.15);
  EXPECT_EQ(choice.tests.front().reached, 0);
  EXPECT_THAT(choice.reason, HasSubstr("reject chinchilla"));
  EXPECT_THAT(describe(choice), HasSubstr("rejected"));
}

TEST(Choice, ChinchillaAnswersAboutAsOftenAsTheTestSaysWhereItIsTrue) {
  int kept = 0;
  constexpr int kStudies = 60;
  for (int i = 0; i < kStudies; ++i) {
    FitOptions options = plain();
    options.bootstrap.seed = static_cast<std::uint64_t>(i);
    options.threads = 2;
    const LawChoice choice =
        choose_law(study(chinchilla_law(), 0.003, static_cast<std::uint64_t>(100 + i)), kTwo, options);
    kept += choice.answer().law == LawKind::chinchilla ? 1 : 0;
    ASSERT_EQ(choice.tests.size(), 1U);
    EXPECT_EQ(choice.answer().law == LawKind::chinchilla, !choice.tests.front().rejected());
  }
  EXPECT_GE(kept, kStudies * 0.86);  // 95 % with a standard error of 2.8 %
}

TEST(Choice, HeldOutErrorsAreThoseOfFitsWithoutTheHeldPoints) {
  const std::vector<Observation> points = study(outer_law(0.386), 0.003, 2);
  const LawChoice choice = choose_law(points, kTwo, plain());
  for (const LawCandidate& c : choice.candidates) {
    std::vector<double> left_out, windows;
    for (const double budget : {4e10, 8e10, 1.6e11, 3.2e11, 5.6e11, 1e12}) {
      std::vector<Observation> others, below;
      for (const Observation& o : points) {
        if (o.budget != budget) others.push_back(o);
        if (o.budget < budget) below.push_back(o);
      }
      FitOptions options = plain();
      options.law = c.fit.law;
      const Law without = fit_points(others, options).fitted;
      const bool enough = below.size() >= 10;  // two budgets
      const Law from_below = enough ? fit_points(below, options).fitted : without;
      for (const Observation& o : points) {
        if (o.budget != budget) continue;
        left_out.push_back(std::log(predict_loss(without, o.scale()) / o.loss_nats));
        if (enough) windows.push_back(std::log(predict_loss(from_below, o.scale()) / o.loss_nats));
      }
    }
    const auto rms = [](const std::vector<double>& x) {
      double sum = 0;
      for (const double v : x) sum += v * v;
      return std::sqrt(sum / static_cast<double>(x.size()));
    };
    EXPECT_EQ(c.left_out.n, std::ssize(left_out));
    EXPECT_NEAR(c.left_out.rms / rms(left_out), 1, 1e-4) << law_form(c.fit.law).name;
    EXPECT_NEAR(c.windows.rms / rms(windows), 1, 2e-2) << law_form(c.fit.law).name;
    EXPECT_EQ(c.largest.n, 5);
  }
}

TEST(Choice, InformationCriteriaAreThoseOfNormalResidualsForSquares) {
  const LawChoice choice = choose_law(study(chinchilla_law(), 0.003, 3), kTwo, plain());
  for (const LawCandidate& c : choice.candidates) {
    const double n = 30, variance = c.rms * c.rms, p = static_cast<double>(c.parameters);
    const double lack = n * (std::log(2 * std::numbers::pi * variance) + 1);
    EXPECT_NEAR(c.aic, lack + 2 * p, 1e-6 * std::abs(lack));
    EXPECT_NEAR(c.bic, lack + std::log(n) * p, 1e-6 * std::abs(lack));
  }
  // Huber's density at a delta far above the residuals is the normal one.
  FitOptions wide = plain();
  wide.objective = {.kind = ObjectiveKind::log_huber, .delta = 0.5};
  const LawChoice huber = choose_law(study(chinchilla_law(), 0.003, 3), kTwo, wide);
  EXPECT_NEAR(huber.candidates[0].aic, choice.candidates[0].aic, 1e-4);
}

TEST(Choice, LeavesOutWhatItIsToldToAndRefusesOtherQuestions) {
  std::vector<Observation> points = study(chinchilla_law(), 0.003, 4);
  points.front().loss_nats *= 3;
  FitOptions options = plain();
  options.drop_highest = 1;
  const LawChoice choice = choose_law(points, kTwo, options);
  EXPECT_EQ(choice.answer().n, 29);
  EXPECT_EQ(choice.answer().dropped, 1);
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)choose_law(points, {LawKind::power_n}, options); }),
              HasSubstr("power-n is not one"));
  EXPECT_THAT(error_of(ExitCode::usage, [&] { (void)choose_law(points, {}, options); }), HasSubstr("names no law"));
}

TEST(Choice, WithoutChinchillaTheBestPredictorAnswers) {
  const LawChoice choice = choose_law(study(outer_law(0.386), 0.002, 5), {LawKind::kaplan, LawKind::outer}, plain());
  EXPECT_EQ(choice.answer().law, LawKind::outer);
  EXPECT_TRUE(choice.tests.empty());
  EXPECT_THAT(choice.reason, HasSubstr("predicts left-out budgets best"));
}

TEST(Choice, TooFewPointsGiveTheStatusOfTheFirstLaw) {
  std::vector<Observation> points = study(chinchilla_law(), 0.003, 6);
  points.resize(4);
  const LawChoice choice = choose_law(points, kTwo, plain());
  EXPECT_EQ(choice.answer().convergence.status, FitStatus::too_few_points);
  EXPECT_THAT(choice.reason, HasSubstr("its fit is too_few_points"));
  EXPECT_EQ(to_json(choice).at("candidates").size(), 2U);
}

TEST(Choice, TheTableAndItsJsonSayTheSame) {
  const LawChoice choice = choose_law(study(outer_law(0.386), 0.003, 1), laws_to_choose_from(), plain());
  const Json json = to_json(choice);
  EXPECT_EQ(json.at("law"), "outer");
  EXPECT_EQ(json.at("candidates").size(), laws_to_choose_from().size());
  EXPECT_EQ(json.at("candidates")[0].at("verdict"), "rejected");
  EXPECT_EQ(json.at("candidates")[1].at("verdict"), "answers");
  EXPECT_EQ(json.at("tests")[0].at("rejected"), true);
  EXPECT_EQ(choice_rows(choice).size(), 1 + laws_to_choose_from().size());
  EXPECT_THAT(choice_cautions(choice), Contains(HasSubstr("rests on the law")));
}

TEST(Choice, TheQuickStudysOldPointsRejectChinchilla) {
  const std::filesystem::path cases = std::filesystem::path(SCALELAW_SOURCE_DIR) / ".." / "shared" / "cases";
  if (!std::filesystem::exists(cases / "quick_points.csv")) GTEST_SKIP() << "the cases are absent";
  const std::vector<Observation> points = read_observations(cases / "quick_points.csv");
  const LawChoice squares = choose_law(points, kTwo, plain());
  EXPECT_EQ(squares.answer().law, LawKind::outer);
  EXPECT_NEAR(squares.tests.front().estimate, 0.386, 0.0005);
  EXPECT_NEAR(squares.candidates[0].rms, 0.00559, 0.00001);
  EXPECT_NEAR(squares.candidates[1].rms, 0.00214, 0.00001);
  FitOptions huber = plain();
  huber.objective = {};
  const LawChoice choice = choose_law(points, kTwo, huber);
  EXPECT_EQ(choice.answer().law, LawKind::outer);
  EXPECT_NEAR(choice.tests.front().estimate, 0.333, 0.0005);
  EXPECT_NEAR(choice.answer().derived.at("a"), 0.440, 0.0005);
}

TEST(Choice, ExactDataAndHeldConstantsAskForNoTest) {
  std::vector<Observation> exact = study(chinchilla_law(), 0, 7);
  const LawChoice choice = choose_law(exact, kTwo, plain());
  EXPECT_EQ(choice.answer().law, LawKind::chinchilla);
  EXPECT_FALSE(choice.tests.empty() ? false : choice.tests.front().rejected());
  FitOptions held = plain();
  held.fixed = {{"k", 0.5}};
  const LawChoice of_held = choose_law(study(chinchilla_law(), 0.003, 8), kTwo, held);
  EXPECT_TRUE(of_held.tests.empty()) << "nobody asks whether a constant that was given is needed";
  EXPECT_THAT(error_of(ExitCode::usage,
                       [&] {
                         (void)choose_law(exact, {LawKind::outer, LawKind::outer}, plain());
                       }),
              HasSubstr("outer twice"));
}

TEST(Choice, ALawWhoseFloorVanishesStillAnswers) {
  Law floorless = outer_law(0.386);
  floorless.values[0] = 0;
  int at_bound = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const LawChoice choice = choose_law(study(floorless, 0.004, 20 + seed), kTwo, plain());
    if (choice.candidates[1].fit.convergence.status != FitStatus::at_bound) continue;
    ++at_bound;
    EXPECT_TRUE(choice.candidates[1].fit.answers());
    EXPECT_THAT(choice.candidates[1].fit.convergence.at_bound, testing::ElementsAre("E"));
    EXPECT_EQ(choice.answer().law, LawKind::outer);
  }
  EXPECT_GE(at_bound, 1);
}

}  // namespace
}  // namespace scalelaw
