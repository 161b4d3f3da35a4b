// Verdicts against their intervals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "inference/compare.hpp"
#include "inference/surface.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

std::vector<Observation> of_case(const std::string& name) {
  return read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases" / name);
}

const ExponentComparison& exponent(const Comparison& c, const std::string& name) {
  for (const ExponentComparison& e : c.exponents) {
    if (e.name == name) return e;
  }
  throw std::logic_error("no exponent " + name);
}

/// The words follow from the numbers shown beside them, and from nothing else.
void expect_consistent(const Comparison& c) {
  for (const ExponentComparison& e : c.exponents) {
    if (e.verdict == Verdict::not_converged) continue;
    const double margin = c.margin.relative ? c.margin.value * std::abs(e.second) : c.margin.value;
    EXPECT_DOUBLE_EQ(e.margin, margin);
    const bool away = e.difference_ci95.low > 0 || e.difference_ci95.high < 0;
    const bool within = -margin <= e.difference_ci90.low && e.difference_ci90.high <= margin;
    EXPECT_EQ(e.significant, away);
    EXPECT_EQ(e.verdict, away ? Verdict::different : within ? Verdict::equivalent : Verdict::inconclusive) << e.name;
    EXPECT_EQ(e.within_margin, away && within);
    EXPECT_EQ(verdict_text(e), e.within_margin ? "different, but within the margin" : name_of(e.verdict.value()));
  }
}

TEST(Margin, TheCaseOfTwoLossSlopesIsDifferent) {
  CompareOptions options;
  options.fit.threads = 2;
  const Comparison c =
      compare_observations("slope_a", of_case("slope_a.csv"), "slope_b", of_case("slope_b.csv"), options);
  const ExponentComparison& slope = exponent(c, "loss_slope");
  EXPECT_NEAR(slope.first, 0.060, 0.001);
  EXPECT_NEAR(slope.second, 0.022, 0.001);
  EXPECT_NEAR(slope.difference, 0.039, 0.001);
  EXPECT_EQ(slope.verdict, Verdict::different);
  EXPECT_FALSE(slope.within_margin);
  EXPECT_EQ(verdict_text(slope), "different");
  expect_consistent(c);
}

TEST(Margin, RandomComparisonsSayWhatTheirIntervalsSay) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Rng rng = make_rng(seed, "margin test");
    const Law first = tiny_law(0.3 + 0.1 * uniform01(rng), 0.25 + 0.1 * uniform01(rng));
    const Law second = tiny_law(0.3 + 0.1 * uniform01(rng), 0.25 + 0.1 * uniform01(rng));
    CompareOptions options;
    options.studies = 60;
    options.fit.profile = false;
    options.fit.threads = 2;
    options.margin = {.value = 0.02 + 0.3 * uniform01(rng), .relative = seed % 2 == 0};
    const double noise = 0.0005 * std::pow(20, uniform01(rng));
    const auto a = simulate_points(tiny_isoflop(), first, {.sd = noise}, seed, 0);
    const auto b = simulate_points(tiny_isoflop(), second, {.sd = noise}, seed, 1);
    expect_consistent(compare_observations("a", a, "b", b, options));
    expect_consistent(compare_with_law("a", a, second, 0, options));
  }
}

TEST(Margin, ARealDifferenceWithinTheMarginIsBoth) {
  const auto a = simulate_points(tiny_points(), tiny_law(0.35, 0.30), {.sd = 1e-4}, 1, 0);
  CompareOptions options;
  options.studies = 80;
  options.fit.profile = false;
  const Comparison c = compare_with_law("a", a, tiny_law(0.35, 0.31), 0, options);
  const ExponentComparison& beta = exponent(c, "beta");
  EXPECT_EQ(beta.verdict, Verdict::different);
  EXPECT_TRUE(beta.within_margin);
  EXPECT_THAT(describe(c), HasSubstr("different, but within the margin"));
  const Json json = to_json(c);
  EXPECT_EQ(json["margin_relative"], 0.1);
  EXPECT_TRUE(json["margin"].is_null());
}

// Runs of a grid share no budgets: drawn within them each stays in its place, and the interval had no width.
TEST(Margin, LossSlopesOfTwoGridsOfOneLawAreSeldomDifferent) {
  int different = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CompareOptions options;
    options.studies = 60;
    options.fit.profile = false;
    options.fit.threads = 2;
    options.fit.bootstrap.seed = seed;
    const auto a = simulate_points(tiny_points(), tiny_law(), {.sd = 0.001}, seed, 0);
    const auto b = simulate_points(tiny_points(), tiny_law(), {.sd = 0.001}, seed, 1);
    const Comparison c = compare_observations("a", a, "b", b, options);
    const ExponentComparison& slope = exponent(c, "loss_slope");
    EXPECT_GT(slope.difference_ci95.high - slope.difference_ci95.low, 1e-4);
    different += slope.significant ? 1 : 0;
  }
  EXPECT_LE(different, 5);  // 5 %: more than 5 of 20 in 3 of 10,000
}

TEST(Margin, IsADifferenceOrAShare) {
  EXPECT_DOUBLE_EQ(parse_margin("0.05").at(0.02), 0.05);
  EXPECT_DOUBLE_EQ(parse_margin("10%").at(-0.02), 0.002);
  EXPECT_EQ(describe(parse_margin("10%")), "10 % of the second exponent");
  EXPECT_EQ(describe(parse_margin("0.05")), "0.05");
  for (const char* wrong : {"", "%", "0", "-1", "ten", "5%%", "nan"}) {
    EXPECT_THROW((void)parse_margin(wrong), Error) << wrong;
  }
}

TEST(CompareWithLaw, LossesThatNoModelHasAreRefused) {
  const auto points = simulate_points(tiny_points(), tiny_law(), {.sd = 0.003}, 11, 0);
  CompareOptions options;
  options.studies = 60;
  options.largest_loss = std::log(256);
  options.fit.profile = false;
  (void)compare_with_law("study", points, published_law("besiroglu2024"), 0, options);  // refitted: possible
  options.reanchor = false;
  EXPECT_THAT(error_of(ExitCode::usage,
                       [&] { (void)compare_with_law("study", points, published_law("besiroglu2024"), 0, options); }),
              HasSubstr("above ln(vocab) = 5.55"))
      << "21 nats";
}

}  // namespace
}  // namespace scalelaw
