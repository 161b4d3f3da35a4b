#include "inference/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/stats.hpp"
#include "error_of.hpp"
#include "inference/exponents.hpp"
#include "inference/surface.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::SizeIs;

const ExponentComparison& exponent(const Comparison& c, const std::string& name) {
  for (const ExponentComparison& e : c.exponents) {
    if (e.name == name) return e;
  }
  throw std::logic_error("no exponent " + name);
}

CompareOptions quick_options() {
  CompareOptions options;
  options.studies = 60;
  options.fit.threads = 2;
  return options;
}

TEST(Exponents, FollowFromTheConstants) {
  const auto chinchilla = exponents_of(published_law("besiroglu2024"));
  EXPECT_EQ(chinchilla.at("alpha"), 0.3478);
  EXPECT_EQ(chinchilla.at("beta"), 0.3658);
  EXPECT_NEAR(chinchilla.at("a"), 0.3658 / 0.7136, 1e-12);
  EXPECT_NEAR(chinchilla.at("a") + chinchilla.at("b"), 1, 1e-12);
  EXPECT_NEAR(chinchilla.at("frontier"), 0.3478 * 0.3658 / 0.7136, 1e-12);
  EXPECT_EQ(exponents_of(published_law("kaplan2020-joint")).at("alphaD"), 0.103);
  EXPECT_EQ(exponents_of(published_law("kaplan2020-optimal")).at("exponent"), 0.73);
  EXPECT_EQ(exponents_of(published_law("kaplan2020-n")).size(), 1U);
}

TEST(Exponents, TheFrontierIsTheSlopeOfTheExcessLossOverCompute) {
  const Law law = tiny_law();
  const double low = compute_optimal(law, 1e15).loss_nats - law.value("E");
  const double high = compute_optimal(law, 1e18).loss_nats - law.value("E");
  EXPECT_NEAR(std::log(low / high) / std::log(1e3), exponents_of(law).at("frontier"), 1e-9);
}

TEST(ResidualNoise, RecoversStandardDeviationAndSharedPart) {
  FitResult fit;
  fit.fitted = tiny_law();
  const std::vector<Observation> points = tiny_trunks();
  // The constants are the true ones here, not fitted: no degree of freedom is lost.
  const double lost =
      static_cast<double>(points.size() - fit.fitted.values.size()) / static_cast<double>(points.size());
  std::vector<double> sd, share;
  for (std::uint64_t index = 0; index < 400; ++index) {
    const auto study = simulate_points(points, fit.fitted, {.sd = 0.02, .group_share = 0.5}, 1, index);
    sd.push_back(residual_noise(fit, study).sd * lost);
    share.push_back(residual_noise(fit, study).group_share);
  }
  EXPECT_NEAR(mean(sd), 0.02, 0.001);
  EXPECT_NEAR(mean(share), 0.5, 0.08);
  EXPECT_EQ(residual_noise(fit, simulate_points(tiny_points(), fit.fitted, {.sd = 0.02}, 1, 0)).group_share, 0);
}

TEST(CompareWithLaw, TheTrueLawIsEquivalentAndItsEstimatesUnbiased) {
  const Law law = tiny_law();
  const auto points = simulate_points(tiny_points(), law, {.sd = 0.003}, 11, 0);
  const Comparison c = compare_with_law("study", points, law, 0, quick_options());
  ASSERT_EQ(c.studies, 60);
  EXPECT_TRUE(c.reanchored);
  EXPECT_TRUE(c.noise_estimated);
  EXPECT_GT(c.noise, 0.002);
  EXPECT_LT(c.noise, 0.008) << "that of the residuals, and what runs of one size may share beside";
  EXPECT_THAT(c.noise_shares, HasSubstr("shared by the runs of a shape"));
  const auto measured = exponents_of(c.first_fit), of_law = exponents_of(law);
  ASSERT_THAT(measured, SizeIs(5));  // alpha, beta, a, b, frontier
  for (const auto& [name, value] : measured) {
    const ExponentComparison& e = exponent(c, name);
    EXPECT_EQ(e.first, value) << name;
    EXPECT_NEAR(exponents_of(c.second_fit).at(name), of_law.at(name), 1e-4) << name;
    EXPECT_LT(e.second_ci95.low, of_law.at(name)) << name;
    EXPECT_GT(e.second_ci95.high, of_law.at(name)) << name;
    // The median of simulated studies stands for the law: it lies off it by less than one study does.
    EXPECT_NEAR(e.difference, value - of_law.at(name), (e.second_ci95.high - e.second_ci95.low) / 2) << name;
  }
  ASSERT_GE(c.exponents.size(), measured.size());
  for (const ExponentComparison& e : c.exponents) {
    EXPECT_LT(e.difference_ci95.low, e.difference_ci90.low);
    EXPECT_LT(e.difference_ci90.high, e.difference_ci95.high);
    EXPECT_GT(e.detectable, (e.difference_ci95.high - e.difference_ci95.low) / 2);
  }
  EXPECT_NEAR(exponent(c, "a").second, exponents_of(law).at("a"), 0.02);
  EXPECT_EQ(exponent(c, "a").verdict, Verdict::equivalent);
}

TEST(CompareWithLaw, ALawWithOtherExponentsIsDifferent) {
  const auto points = simulate_points(tiny_points(), tiny_law(0.35, 0.30), {.sd = 0.003}, 12, 0);
  const Comparison c = compare_with_law("study", points, tiny_law(0.35, 0.50), 0, quick_options());
  EXPECT_EQ(exponent(c, "beta").verdict, Verdict::different);
  EXPECT_TRUE(exponent(c, "beta").significant);
  EXPECT_LT(exponent(c, "beta").difference, 0);
  EXPECT_EQ(exponent(c, "a").verdict, Verdict::different);
}

TEST(CompareWithLaw, MuchNoiseIsInconclusive) {
  const Law law = tiny_law();
  const auto points = simulate_points(tiny_points(), law, {.sd = 0.02}, 13, 0);
  CompareOptions options = quick_options();
  options.margin = {.value = 0.005, .relative = false};
  EXPECT_EQ(exponent(compare_with_law("study", points, law, 0, options), "a").verdict, Verdict::inconclusive);
}

TEST(CompareWithLaw, AGivenNoiseIsUsedAsItIs) {
  const Law law = tiny_law();
  const auto points = simulate_points(tiny_points(), law, {.sd = 0.003}, 14, 0);
  const Comparison small = compare_with_law("study", points, law, 0.003, quick_options());
  const Comparison large = compare_with_law("study", points, law, 0.012, quick_options());
  EXPECT_FALSE(small.noise_estimated);
  EXPECT_EQ(large.noise, 0.012);
  EXPECT_NEAR(exponent(large, "a").detectable / exponent(small, "a").detectable, 4, 1.2);
}

TEST(CompareWithLaw, IsTheSameOnAnyNumberOfThreads) {
  const Law law = tiny_law();
  const auto points = simulate_points(tiny_points(), law, {.sd = 0.003}, 15, 0);
  CompareOptions options = quick_options();
  options.studies = 40;
  options.fit.threads = 1;
  const Json one = to_json(compare_with_law("study", points, law, 0, options));
  options.fit.threads = 3;
  EXPECT_EQ(to_json(compare_with_law("study", points, law, 0, options)).dump(), one.dump());
}

TEST(CompareWithLaw, AFitThatDoesNotConvergeGivesNoVerdict) {
  auto points = simulate_points(tiny_points(), tiny_law(), {.sd = 0.003}, 16, 0);
  points.resize(3);
  const Comparison c = compare_with_law("study", points, tiny_law(), 0, quick_options());
  for (const ExponentComparison& e : c.exponents) EXPECT_EQ(e.verdict, Verdict::not_converged);
  EXPECT_THAT(c.notes, Contains(HasSubstr("did not converge")));
  EXPECT_THAT(describe(c), HasSubstr("did not converge"));
}

TEST(CompareWithLaw, WrongOptionsAreNamed) {
  const auto points = simulate_points(tiny_points(), tiny_law(), {.sd = 0.003}, 17, 0);
  const auto refusal = [&](const CompareOptions& options, const Law& law, double noise) {
    return error_of(ExitCode::usage, [&] { (void)compare_with_law("study", points, law, noise, options); });
  };
  CompareOptions few = quick_options(), narrow = quick_options();
  few.studies = 5;
  narrow.margin.value = 0;
  EXPECT_THAT(refusal(few, tiny_law(), 0), HasSubstr("--studies is 5"));
  EXPECT_THAT(refusal(narrow, tiny_law(), 0), HasSubstr("--margin is 0"));
  EXPECT_THAT(refusal(quick_options(), tiny_law(), -1), HasSubstr("--noise is -1"));
  EXPECT_THAT(refusal(quick_options(), published_law("kaplan2020-optimal"), 0), HasSubstr("cannot be simulated"));
}

TEST(CompareWithLaw, JsonAndTextHoldTheAnswer) {
  const auto points = simulate_points(tiny_points(), tiny_law(), {.sd = 0.003}, 18, 0);
  Law other = published_law("kaplan2020-joint");
  const Comparison c = compare_with_law("study", points, other, 0, quick_options());
  const Json json = to_json(c);
  EXPECT_EQ(json["schema"], "scalelaw.comparison/1");
  EXPECT_EQ(json["exponents"].size(), c.exponents.size());
  EXPECT_EQ(json["second"], "kaplan2020-joint");
  EXPECT_THAT(c.notes, Contains(HasSubstr("non_embedding")));
  EXPECT_THAT(describe(c), HasSubstr("kaplan2020-joint"));
}

TEST(CompareObservations, TwoStudiesOfOneLawAgreeAndOfTwoLawsDiffer) {
  const auto first = simulate_points(tiny_points(), tiny_law(), {.sd = 0.002}, 21, 0);
  const auto again = simulate_points(tiny_points(), tiny_law(), {.sd = 0.002}, 22, 0);
  const auto other = simulate_points(tiny_points(), tiny_law(0.35, 0.50), {.sd = 0.002}, 23, 0);
  CompareOptions options = quick_options();
  options.fit.bootstrap.replicates = 100;
  const Comparison same = compare_observations("first", first, "again", again, options);
  const Comparison different = compare_observations("first", first, "other", other, options);
  EXPECT_EQ(exponent(same, "a").verdict, Verdict::equivalent);
  EXPECT_EQ(exponent(different, "beta").verdict, Verdict::different);
  EXPECT_LT(exponent(different, "beta").difference_ci95.low, -0.2);  // the true difference
  EXPECT_GT(exponent(different, "beta").difference_ci95.high, -0.2);
}

}  // namespace
}  // namespace scalelaw
