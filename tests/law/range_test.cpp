#include "law/range.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> names(const std::vector<Outside>& all) {
  std::vector<std::string> out;
  for (const Outside& o : all) out.emplace_back(name_of(o.quantity));
  return out;
}

double decades(Rng& rng, double low, double high) { return low * std::pow(high / low, uniform01(rng)); }

TEST(Range, RandomPointsAreFlaggedWhereAndOnlyWhereTheyLieOutside) {
  int inside = 0, flagged = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Rng rng = make_rng(seed, "range test");
    for (int i = 0; i < 200; ++i) {
      const auto range = [&](double low, double high) {
        const double a = decades(rng, low, high), b = decades(rng, low, high);
        return ValueRange{std::min(a, b), std::max(a, b)};
      };
      const LawRange runs{.params = range(1e5, 1e9),
                          .tokens = range(1e7, 1e11),
                          .flops = range(1e13, 1e20),
                          .tokens_per_param = range(1, 1e3)};
      const LawPoint point = law_point(Scale{.params = decades(rng, 1e4, 1e10), .tokens = decades(rng, 1e6, 1e12)});
      const std::map<std::string, std::pair<double, ValueRange>> values = {
          {"params", {point.params, runs.params}},
          {"tokens", {point.tokens, runs.tokens}},
          {"flops", {point.flops, runs.flops}},
          {"tokens_per_param", {point.tokens / point.params, runs.tokens_per_param}}};
      const auto found = outside(runs, LawKind::chinchilla, point);
      for (const auto& [name, value] : values) {
        const auto quantity_name = [](const Outside& o) { return name_of(o.quantity); };
        const auto it = std::ranges::find(found, name, quantity_name);
        const auto& [x, known] = value;
        const double beyond = std::max(known.low / x, x / known.high);  // within half a percent it is the end itself
        if (beyond > 1 && beyond < 1.006) continue;
        ASSERT_EQ(it != found.end(), beyond > 1) << name << " " << x;
        if (it == found.end()) {
          ++inside;
          continue;
        }
        ++flagged;
        EXPECT_EQ(it->above, x > known.high);
        EXPECT_DOUBLE_EQ(it->factor, x > known.high ? x / known.high : known.low / x);
        const auto slack = outside(runs, LawKind::chinchilla, point, 10);
        if (it->factor < 10 || it->factor > 10.06) {  // within half a percent it is ten times
          EXPECT_EQ(std::ranges::count(slack, name, quantity_name), it->factor > 10 ? 1 : 0);
        }
      }
    }
  }
  EXPECT_GT(inside, 500);
  EXPECT_GT(flagged, 500);
}

TEST(Range, ALawIsAskedOnlyForWhatItLooksAt) {
  const LawRange runs{.params = {1e6, 1e7}, .tokens = {1e8, 1e9}, .flops = {1e15, 1e16}, .tokens_per_param = {10, 20}};
  const LawPoint far = law_point(Scale{.params = 1e3, .tokens = 1e3});
  EXPECT_THAT(names(outside(runs, LawKind::power_n, far)), ElementsAre("params"));
  EXPECT_THAT(names(outside(runs, LawKind::power_d, far)), ElementsAre("tokens"));
  EXPECT_THAT(names(outside(runs, LawKind::power_c, far)), ElementsAre("flops"));
  EXPECT_THAT(names(outside(runs, LawKind::kaplan, far)), ElementsAre("params", "tokens", "tokens_per_param", "flops"));
  EXPECT_THAT(names(outside(runs, LawKind::optimal, far)), ElementsAre("flops"));
  EXPECT_THAT(names(outside_in_any(runs, far)), ElementsAre("params", "tokens", "tokens_per_param", "flops"));
  EXPECT_TRUE(outside({}, LawKind::kaplan, far).empty());  // nothing is known
  EXPECT_TRUE(outside(runs, LawKind::power_n, {}).empty());
}

TEST(Range, SaysHowFarInPlainNumbers) {
  const LawRange runs{.params = {1.4e4, 1.73e5}};
  EXPECT_EQ(describe(outside(runs, LawKind::power_n, {.params = 5})), "N = 5 lies 2800 times below the smallest (14k)");
  EXPECT_EQ(describe(outside(runs, LawKind::power_n, {.params = 1.73e5 * 1961})),
            "N = 339M lies 1960 times above the largest (173k)");
}

TEST(Range, EveryPublishedLawKnowsItsRuns) {
  for (const Law& law : published_laws()) {
    EXPECT_TRUE(!law.form().needs(Quantity::params) || law.range.params.known()) << law.name;
    EXPECT_TRUE(!law.form().needs(Quantity::tokens) || law.range.tokens.known()) << law.name;
    EXPECT_TRUE(!law.form().needs(Quantity::flops) || law.range.flops.known()) << law.name;
  }
  const auto is = [](const ValueRange& range, double low, double high) {
    EXPECT_DOUBLE_EQ(range.low, low);
    EXPECT_DOUBLE_EQ(range.high, high);
  };
  for (const char* name : {"hoffmann2022", "besiroglu2024"}) {
    is(published_law(name).range.params, 7e7, 1.6e10);
    is(published_law(name).range.tokens, 5e9, 5e11);
  }
  is(published_law("kaplan2020-joint").range.params, 768, 1.5e9);
  is(published_law("kaplan2020-joint").range.tokens, 2.2e7, 2.3e10);
  is(published_law("kaplan2020-c").range.flops, 1e-9 * 8.64e19, 10 * 8.64e19);
  is(published_law("muennighoff2023").range.params, 7.1e6, 8.7e9);
  is(published_law("muennighoff2023").range.tokens, 1e8, 9e11);
}

}  // namespace
}  // namespace scalelaw
