// The tutorial's pages: published answers, planted laws, and what they refuse.
#include "report/tutorial.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "design/plan.hpp"
#include "law/laws.hpp"
#include "sim/simulate.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Records of a tutorial config, simulated; `overrides` as --set.
std::vector<RunRecord> simulated(const std::string& study, const std::vector<std::string>& overrides = {}) {
  const StudyConfig config =
      read_study_config(std::string(SCALELAW_SOURCE_DIR) + "/configs/tutorial/" + study + ".toml", overrides);
  std::vector<RunRecord> records;
  for (const PlannedRun& run : make_plan(config, nullptr).runs)
    records.push_back(simulate(as_simulated(run.spec, config.simulation)));
  return records;
}

const Json& of_law(const TutorialPage& page, const std::string& law) {
  for (const Json& row : page.numbers.at("laws")) {
    if (row.at("law") == law) return row;
  }
  throw std::logic_error("no row for " + law);
}

TEST(Tutorial, EveryTopicSaysWhatItShowsAndNearMissesAreNamed) {
  EXPECT_EQ(tutorial_topics().size(), 9U);
  EXPECT_EQ(tutorial_topics().back().name, "takeaways");
  EXPECT_EQ(tutorial_topic("gpt3").name, "gpt3");
  EXPECT_THAT(error_of(ExitCode::usage, [] { (void)tutorial_topic("model-siez"); }),
              HasSubstr("did you mean 'model-size'?"));
}

TEST(Tutorial, Gpt3PageHasThePublishedOptimaWithinTwoPercent) {
  const TutorialPage page = gpt3_page();
  EXPECT_DOUBLE_EQ(page.numbers.at("flops").get<double>(), 3.15e23);
  struct Expected {
    const char* law;
    double params, tokens;
  };
  for (const auto& [law, params, tokens] :
       {Expected{"hoffmann2022 approach 1 (table)", 49.7e9, 1.10e12},
        Expected{"hoffmann2022 approach 2 (table)", 46e9, 1.14e12}, Expected{"hoffmann2022", 30.6e9, 1.71e12},
        Expected{"besiroglu2024", 53.0e9, 0.99e12}}) {
    EXPECT_NEAR(of_law(page, law).at("params").get<double>() / params, 1, 0.02) << law;
    EXPECT_NEAR(of_law(page, law).at("tokens").get<double>() / tokens, 1, 0.02) << law;
  }
  EXPECT_NEAR(of_law(page, "hoffmann2022").at("loss_nats").get<double>(), 1.9405, 5e-5);
  EXPECT_NEAR(of_law(page, "besiroglu2024").at("loss_nats").get<double>(), 1.9923, 5e-5);
  EXPECT_NEAR(of_law(page, "kaplan2020-joint").at("gpt3_loss_nats").get<double>(), 1.661, 5e-4);
}

TEST(Tutorial, Gpt3sLossIsReachedByTheCheaperOptimum) {
  for (const Json& row : gpt3_page().numbers.at("laws")) {
    if (row.at("loss_nats").is_null()) continue;
    const Law& law = published_law(row.at("law").get<std::string>());
    const double flops = row.at("flops_for_gpt3_loss").get<double>();
    EXPECT_NEAR(compute_optimal(law, flops).loss_nats, row.at("gpt3_loss_nats").get<double>(), 1e-6) << law.name;
    EXPECT_NEAR(row.at("compute_saving").get<double>(), 1 - flops / 3.15e23, 1e-12);
    EXPECT_GT(row.at("loss_saving_nats").get<double>(), 0);
  }
}

TEST(Tutorial, AllocationTableSpendsEveryBudgetAndFollowsTheExponents) {
  const TutorialPage page = allocation_page();
  const Json& rows = page.numbers.at("rows");
  ASSERT_EQ(rows.size(), 25U);  // five budgets under five sources
  for (const Json& row : rows) {
    const double spent = 6 * row.at("params").get<double>() * row.at("tokens").get<double>();
    EXPECT_NEAR(spent / row.at("flops").get<double>(), 1, 0.03) << row.dump();
  }
  const auto params = [&rows](std::size_t budget, std::size_t source) {
    return rows.at(5 * budget + source).at("params").get<double>();
  };
  EXPECT_NEAR(params(2, 0), 1.45e9, 0.005e9);  // Kaplan at 1e20
  EXPECT_NEAR(std::log10(params(4, 0) / params(3, 0)), 0.73, 1e-9);
  EXPECT_NEAR(std::log10(params(4, 3) / params(3, 3)), 0.4565, 1e-4);
  EXPECT_NEAR(std::log10(params(4, 4) / params(3, 4)), 0.5126, 1e-4);
  EXPECT_NEAR(rows.at(19).at("tokens_per_param").get<double>(), 21.6, 0.05);  // Besiroglu at 1e21
  EXPECT_EQ(page.figure.panels.size(), 2U);
}

TEST(Tutorial, TheTablesOfHoffmannPassThroughTheirRows) {
  EXPECT_NEAR(hoffmann_table_optimum(1, 1.23e22).params, 10e9, 1);
  EXPECT_NEAR(hoffmann_table_optimum(1, 1.23e22).tokens, 205.1e9, 10);
  EXPECT_NEAR(hoffmann_table_optimum(2, 1.18e25).params, 280e9, 10);
  EXPECT_NEAR(hoffmann_table_optimum(2, 1.75e28).params, 10e12, 1e3);
  (void)error_of(ExitCode::usage, [] { (void)hoffmann_table_optimum(3, 1e20); });
  (void)error_of(ExitCode::usage, [] { (void)hoffmann_table_optimum(1, 0); });
}

TEST(Tutorial, CurvePageHasKaplansLosses) {
  const Json rows = curve_page().numbers.at("rows");
  ASSERT_EQ(rows.size(), 4U);
  for (const Json& row : rows)
    EXPECT_NEAR(row.at("loss_nats").get<double>(), std::pow(8.8e13 / row.at("params").get<double>(), 0.076), 1e-12);
  EXPECT_NEAR(rows.back().at("loss_nats").get<double>(), 1.604, 5e-4);
}

TEST(Tutorial, SizePagesFindAPlantedPowerLaw) {
  const std::vector<std::string> exact = {"simulation.noise=0", "simulation.lr_penalty=0"};
  const Json by_n = model_size_page(simulated("model-size", exact)).numbers;
  EXPECT_NEAR(by_n.at("alpha_with_offset").get<double>(), 0.3478, 1e-3);
  const Json by_d = data_size_page(simulated("data-size", exact)).numbers;
  EXPECT_NEAR(by_d.at("alpha_with_offset").get<double>(), 0.3658, 1e-3);
  // E + B / D^beta of the config
  EXPECT_NEAR(by_n.at("offset_nats").get<double>(), 1 + 67.1 / std::pow(512000, 0.3658), 5e-3);
  for (const Json& point : by_n.at("points"))
    EXPECT_NEAR(point.at("fitted_nats").get<double>(), point.at("loss_nats").get<double>(), 1e-4);
}

TEST(Tutorial, ComputeOptimalPageFindsTheLawsExponent) {
  const TutorialPage page = compute_optimal_page(simulated("compute-optimal", {"simulation.noise=0"}));
  EXPECT_EQ(page.numbers.at("status"), "converged") << page.text;
  EXPECT_NEAR(page.numbers.at("a").get<double>(), 0.3658 / (0.3478 + 0.3658), 0.05);
  EXPECT_NEAR(page.numbers.at("a").get<double>() + page.numbers.at("b").get<double>(), 1, 0.01);
}

TEST(Tutorial, BalancedIsNotBeatenBeyondNoise) {
  const Json numbers = strategies_page(simulated("strategies")).numbers;
  EXPECT_EQ(numbers.at("winner"), "balanced");
  EXPECT_FALSE(numbers.at("balanced_beaten").get<bool>());
  for (const Json& s : numbers.at("strategies")) EXPECT_NEAR(s.at("flops").get<double>(), 1e11, 1e9);
}

TEST(Tutorial, ABalanceThatIsBeatenIsSaidToBe) {
  // a law without a data term: the largest model wins
  const TutorialPage page = strategies_page(simulated("strategies", {"simulation.params.B=1e-9"}));
  EXPECT_EQ(page.numbers.at("winner"), "large model, little data");
  EXPECT_TRUE(page.numbers.at("balanced_beaten").get<bool>());
}

TEST(Tutorial, IntervalsWidenBeyondTheRuns) {
  const Json rows = extrapolate_page(simulated("model-size")).numbers.at("rows");
  const auto width = [](const Json& row) {
    return row.at("ci95").at(1).get<double>() - row.at("ci95").at(0).get<double>();
  };
  EXPECT_EQ(rows.back().at("params"), 1e12);
  EXPECT_GT(width(rows.front()), 0);
  EXPECT_GT(width(rows.back()), 2 * width(rows.front()));
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_GE(width(rows.at(i)), width(rows.at(i - 1)) * 0.999);
}

TEST(Tutorial, TooFewRunsAreAnErrorAndNotAPage) {
  auto records = simulated("model-size");
  records.resize(6);  // two sizes
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)model_size_page(records); }), HasSubstr("needs 4"));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)strategies_page(records); }), HasSubstr("compares 3"));
}

TEST(Tutorial, TakeawaysFollowTheNumbers) {
  const std::vector<TutorialPage> pages = {strategies_page(simulated("strategies")), gpt3_page()};
  const std::string text = takeaways_page(pages).text;
  EXPECT_THAT(text, HasSubstr("Neither extreme beat balanced"));
  EXPECT_THAT(text, Not(HasSubstr("Doubling")));  // no page of sizes was made
  std::vector<TutorialPage> other = {strategies_page(simulated("strategies", {"simulation.params.B=1e-9"}))};
  EXPECT_THAT(takeaways_page(other).text, HasSubstr("Balanced was beaten beyond the noise"));
  EXPECT_THAT(takeaways_page(other).text, Not(HasSubstr("GPT-3")));
}

}  // namespace
}  // namespace scalelaw
