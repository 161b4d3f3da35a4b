// Every row of docs/ERRATA.md: the claim fails, and what stands there as right is what the laws give.
#include <gmock/gmock.h>

#include <cmath>

#include "law/laws.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "os/error.hpp"
#include "os/files.hpp"
#include "tutorial/tutorial.hpp"
#include "tutorial/tutorial_laws.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;

constexpr double kPfDay = 8.64e19;
constexpr double kGpt3Flops = 3.15e23;

/// The line of docs/ERRATA.md that begins with this letter.
std::string row(char letter) {
  const std::string text = read_text_file(std::string(SCALELAW_SOURCE_DIR) + "/docs/ERRATA.md");
  const auto begin = text.find(fmt::format("\n| {} |", letter));
  if (begin == std::string::npos) return "";
  return text.substr(begin + 1, text.find('\n', begin + 1) - begin - 1);
}

double claimed_formula(const Scale& s) {
  return std::max(0.5 * std::pow(s.params, -0.076), 0.6 * std::pow(s.tokens, -0.103));
}

TEST(Errata, AThreeIsNoDataExponent) {
  const Law& law = published_law("kaplan2020-d");
  EXPECT_EQ(law.value("alpha"), 0.095);
  EXPECT_EQ(law.value("X"), 5.4e13);
  EXPECT_EQ(published_law("kaplan2020-joint").value("alphaD"), 0.103);
  EXPECT_EQ(published_law("kaplan2020-joint").value("Dc"), 1.8e13);
  const double halved = predict_loss(law, Scale{.tokens = 1e10}) / predict_loss(law, Scale{.tokens = 2e10});
  EXPECT_THAT(row('a'), HasSubstr(fmt::format("{:.3f}", halved)));
  EXPECT_THAT(row('a'), HasSubstr(fmt::format("{:.2f}", std::pow(2, 3.194))));
}

TEST(Errata, BKaplansOptimumHasAnotherConstant) {
  for (const double flops : {1e18, 1e20, 1e23}) {
    const double n = 20e9 * std::pow(flops / 1e20, 0.73), d = 20e9 * std::pow(flops / 1e20, 0.27);
    EXPECT_NEAR(6 * n * d / flops, 24, 1e-9);
  }
  const double params = compute_optimal(published_law("kaplan2020-optimal"), 1e20).scale.params;
  EXPECT_NEAR(params, 1.3e9 * std::pow(1e20 / kPfDay, 0.73), 1);
  EXPECT_THAT(row('b'), HasSubstr(fmt::format("{:.2f}e9", params / 1e9)));
  EXPECT_THAT(row('b'), HasSubstr(fmt::format("a factor of {:.1f}", 20e9 / params)));
  EXPECT_THAT(row('b'), HasSubstr(fmt::format(", {:.2f}e10 ", 2 * std::pow(1e20 / kPfDay, 0.27))));
}

TEST(Errata, CGpt3TookAHundredTimesMore) {
  const double flops = gpt3_page().numbers.at("flops").get<double>();
  EXPECT_NEAR(flops / 3.15e21, 100, 1e-9);
  EXPECT_THAT(row('c'), HasSubstr(fmt::format("{:.0f} PF-days", flops / kPfDay)));
}

TEST(Errata, DTheRatioGrowsUnderKaplan) {
  const Law& law = published_law("kaplan2020-optimal");
  const auto ratio = [&law](double flops) {
    const Scale s = compute_optimal(law, flops).scale;
    return s.params / s.tokens;
  };
  EXPECT_THAT(row('d'), HasSubstr(fmt::format("{:.2f} times", ratio(1e21) / ratio(1e20))));
  EXPECT_THAT(row('d'), HasSubstr(fmt::format("{:.0f} times per thousandfold", ratio(1e22) / ratio(1e19))));
}

TEST(Errata, EBothGrowAboutAsTheSquareRoot) {
  for (const int approach : {1, 2}) {
    const double a =
        std::log10(hoffmann_table_optimum(approach, 1e27).params / hoffmann_table_optimum(approach, 1e20).params) / 7;
    EXPECT_NEAR(a, approach == 1 ? 0.50 : 0.49, 0.01);
  }
  EXPECT_THAT(row('e'), HasSubstr(fmt::format("{:.2f}", allocation_exponents(published_law("hoffmann2022"))->a)));
  EXPECT_THAT(row('e'), HasSubstr(fmt::format("{:.3f}", allocation_exponents(published_law("besiroglu2024"))->a)));
}

TEST(Errata, FSeventyBillionIsNotGpt3sOptimum) {
  const double claimed = 6 * 70e9 * 1.4e12;
  EXPECT_THAT(row('f'), HasSubstr(fmt::format("{:.2f} times GPT-3", claimed / kGpt3Flops)));
  for (const auto& [name, text] : {std::pair{"hoffmann2022", "approach 3"}, std::pair{"besiroglu2024", "Besiroglu"}}) {
    const Scale s = compute_optimal(published_law(name), kGpt3Flops).scale;
    EXPECT_THAT(row('f'), HasSubstr(fmt::format("{:.1f}B/{:.2f}T ({}", s.params / 1e9, s.tokens / 1e12, text)));
  }
  for (const int approach : {1, 2}) {
    const Scale s = hoffmann_table_optimum(approach, kGpt3Flops);
    EXPECT_THAT(row('f'),
                HasSubstr(fmt::format("{:.1f}B/{:.2f}T (approach {}", s.params / 1e9, s.tokens / 1e12, approach)));
  }
}

TEST(Errata, GTheFormulaGivesNeitherNumberAndRanksThemWrongly) {
  const Scale chinchilla{.params = 70e9, .tokens = 1.4e12};
  EXPECT_THAT(row('g'), HasSubstr(fmt::format("{:.4f} for GPT-3", claimed_formula(gpt3_scale()))));
  EXPECT_THAT(row('g'), HasSubstr(fmt::format("{:.4f} for 70B", claimed_formula(chinchilla))));
  EXPECT_GT(claimed_formula(chinchilla), claimed_formula(gpt3_scale()));
  double best = 0, least = 1;
  for (double ln_n = std::log(1e9); ln_n < std::log(1e15); ln_n += 1e-3) {
    const double n = std::exp(ln_n);
    const double loss = claimed_formula({.params = n, .tokens = kGpt3Flops / (6 * n)});
    if (loss < least) least = loss, best = n;
  }
  EXPECT_THAT(row('g'),
              HasSubstr(fmt::format("{:.1f}e12 parameters on {:.1f}e10", best / 1e12, kGpt3Flops / (6 * best) / 1e10)));
  for (const char* name : {"kaplan2020-joint", "hoffmann2022", "besiroglu2024"}) {
    const Law& law = published_law(name);
    EXPECT_THAT(row('g'), HasSubstr(fmt::format("{:.3f} (", predict_loss(law, gpt3_scale()))));
    EXPECT_LT(predict_loss(law, compute_optimal(law, kGpt3Flops).scale), predict_loss(law, gpt3_scale()));
  }
}

TEST(Errata, HNoLossIsSeventyFourThousandthsOfABit) {
  const Json last = curve_page().numbers.at("rows").back();
  EXPECT_THAT(row('h'), HasSubstr(fmt::format("{:.3f} nats", last.at("loss_nats").get<double>())));
  EXPECT_THAT(row('h'), HasSubstr(fmt::format("{:.3f} bits", last.at("loss_bits").get<double>())));
  EXPECT_THAT(row('h'), HasSubstr(fmt::format("perplexity of {:.2f}:", std::pow(2, 0.074))));
}

}  // namespace
}  // namespace scalelaw
