#include "fit/valley.hpp"

#include <gmock/gmock.h>

#include "fit/cases.hpp"
#include "fit/fit_from_json.hpp"
#include "fit/fit_json.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "fit/isoflop.hpp"
#include "law/optimum.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;
using testing::HasSubstr;

FitResult valleys(const std::vector<Observation>& points) { return fit_points(points, {.method = Method::isoflop}); }

TEST(Valley, PlateauRunsAreNamedAndLeftOut) {
  const FitResult r = valleys(test::case_points("plateau.csv"));
  const FitResult clean = valleys(test::case_points("plateau_clean.csv"));
  ASSERT_EQ(r.isoflop().budgets.size(), 3U);
  ASSERT_EQ(clean.isoflop().budgets.size(), 3U);
  const double truth[] = {6e6, 12e6, 24e6};
  for (std::size_t k = 0; k < 3; ++k) {
    const IsoflopBudget& b = r.isoflop().budgets[k];
    EXPECT_EQ(b.status, BudgetStatus::not_a_parabola);
    EXPECT_EQ(clean.isoflop().budgets[k].status, BudgetStatus::interior);
    EXPECT_EQ(b.points, 7);
    EXPECT_EQ(b.plateau.size(), 2U);
    EXPECT_NEAR(b.params / truth[k], 1, 0.01);
    EXPECT_NEAR(b.params, clean.isoflop().budgets[k].params, 1e-6 * b.params);
    EXPECT_NEAR(b.loss_nats, clean.isoflop().budgets[k].loss_nats, 1e-9);
    EXPECT_THAT(r.cautions[k], HasSubstr("2 runs lie far above every valley through the others"));
    EXPECT_THAT(r.cautions[k], HasSubstr("(loss 3.07)"));
  }
  EXPECT_NEAR(r.isoflop().budgets[0].rejected_loss, 1.06, 0.01) << "below every loss measured";
  EXPECT_NEAR(r.derived.at("a"), 0.5, 1e-3);
  EXPECT_NEAR(r.derived.at("a"), clean.derived.at("a"), 1e-9);
  EXPECT_TRUE(clean.cautions.empty());
  const FitResult again = fit_from_json(to_json(r), "fit.json");
  EXPECT_EQ(again.isoflop().budgets[1].plateau, r.isoflop().budgets[1].plateau);
  EXPECT_EQ(again.isoflop().budgets[1].params, r.isoflop().budgets[1].params);
  EXPECT_THAT(describe(r), HasSubstr("not_a_parabola"));
}

TEST(Valley, ALawFittedToPlateauRunsSaysSo) {
  const FitResult r = fit_points(test::case_points("plateau.csv"), {.profile = false});
  EXPECT_THAT(r.cautions, testing::Contains(HasSubstr("6 of 21 runs lie far above every valley through the others of "
                                                      "the same compute, as runs that never learned do: ")));
  EXPECT_THAT(r.cautions, testing::Contains(HasSubstr("the law leaves 49 % of the variation of ln loss unexplained")));
  for (const std::string& line : fit_points(test::case_points("plateau_clean.csv"), {.profile = false}).cautions) {
    EXPECT_THAT(line, testing::Not(HasSubstr("never learned")));
    EXPECT_THAT(line, testing::Not(HasSubstr("unexplained")));
  }
}

TEST(Valley, GridsTooWideForAParabolaSaySo) {
  const FitResult r = valleys(test::case_points("wide_grid.csv"));
  EXPECT_TRUE(r.converged());
  const IsoflopBudget& b = r.isoflop().budgets.back();  // 1e12 FLOPs: the truth is 87 k
  EXPECT_EQ(b.status, BudgetStatus::interior);
  EXPECT_NEAR(b.params, 114127, 200);
  EXPECT_NEAR(b.cubic_params, 85745, 100) << "numpy.polyfit";
  EXPECT_NEAR(b.law_params, 87000, 500);
  ASSERT_EQ(r.cautions.size(), 1U);
  EXPECT_THAT(r.cautions.front(), HasSubstr("31 % above the optimum of the law chinchilla"));
  EXPECT_THAT(r.cautions.front(), HasSubstr("narrow them to about x4"));
  EXPECT_TRUE(valleys(isoflop_design(tiny_law(), kTinyBudgets, 7, 4, 0.003, 1)).cautions.empty());
}

TEST(Valley, BiasIsSaidForWideGridsOnly) {
  for (const double ratio : {2.0, 4.0, 24.0, 64.0}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      const Law law{.kind = LawKind::chinchilla,
                    .values = {1.0, 12.0, 60.0, 0.25, 0.45},
                    .name = "steep in D",
                    .source = "",
                    .convention = {}};
      const FitResult r = valleys(isoflop_design(law, kTinyBudgets, 7, ratio, 0.002, seed));
      const bool said = !r.cautions.empty() && r.cautions.back().find("too wide") != std::string::npos;
      EXPECT_EQ(said, ratio > 10) << ratio << " " << seed << " "
                                  << std::log(r.isoflop().budgets[2].params / compute_optimal(law, 1e13).scale.params);
    }
  }
}

Law random_law(Rng& rng) {
  return {.kind = LawKind::chinchilla,
          .values = {0.5 + 1.5 * uniform01(rng), 6 + 20 * uniform01(rng), 10 + 60 * uniform01(rng),
                     0.2 + 0.25 * uniform01(rng), 0.2 + 0.25 * uniform01(rng)},
          .name = "random",
          .source = "",
          .convention = {}};
}

TEST(Valley, CleanStudiesAreNeverRejected) {
  Rng rng = make_rng(5, "clean");
  int budgets = 0, rejected = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const double noise = std::exp(std::log(0.001) + uniform01(rng) * std::log(30.0));  // 0.1 % .. 3 %
    const double ratio = 2 + 14 * uniform01(rng);
    const int sizes = 4 + static_cast<int>(uniform_below(rng, 6));
    FitOptions options{.method = Method::isoflop};
    options.goodness = false;
    const FitResult r = fit_points(isoflop_design(random_law(rng), kTinyBudgets, sizes, ratio, noise, i), options);
    for (const IsoflopBudget& b : r.isoflop().budgets) {
      ++budgets;
      if (b.status == BudgetStatus::not_a_parabola) ++rejected;
    }
  }
  EXPECT_LE(rejected, budgets / 50) << rejected << " of " << budgets;
  RecordProperty("rejected", rejected);
}

TEST(Valley, RunsThatNeverLearnedAreFound) {
  Rng rng = make_rng(6, "plateau");
  int budgets = 0, found = 0, near = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const double noise = std::exp(std::log(0.001) + uniform01(rng) * std::log(10.0));  // 0.1 % .. 1 %
    const int sizes = 6 + static_cast<int>(uniform_below(rng, 4)), plateau = 1 + static_cast<int>(i % 2);
    const Law law = random_law(rng);
    auto points = isoflop_design(law, kTinyBudgets, sizes, 3 + 3 * uniform01(rng), noise, i);
    FitOptions options{.method = Method::isoflop};
    options.goodness = false;
    double highest = 0;
    for (const Observation& o : points) highest = std::max(highest, o.loss_nats);
    const double unigram = (1.4 + 0.4 * uniform01(rng)) * highest;
    for (std::size_t k = 0; k < points.size(); ++k) {
      points[k].run = fmt::format("<{}>", k);
      const int size = static_cast<int>(k) % sizes;
      if (size >= sizes - plateau) points[k].loss_nats = unigram * std::exp(noise * standard_normal(rng));
    }
    const FitResult r = fit_points(points, options);
    for (const IsoflopBudget& b : r.isoflop().budgets) {
      ++budgets;
      if (std::ssize(b.plateau) == plateau) ++found;
      if (b.params > 0 && std::abs(std::log(b.params / compute_optimal(law, b.flops).scale.params)) < 0.7) ++near;
    }
    // Any fit of these points finds the same runs, and its cautions name them, whatever else is an outlier.
    std::size_t named = 0;
    for (const IsoflopBudget& b : r.isoflop().budgets) named += b.plateau.size();
    const std::vector<PlateauRun> runs = plateau_runs(points, std::nullopt);
    EXPECT_EQ(runs.size(), named) << i;
    if (runs.empty() || runs.size() > 6 || i % 5 != 0) continue;
    std::string cautions;
    for (const std::string& line : fit_points(points, {.profile = false}).cautions) cautions += line + "\n";
    for (const PlateauRun& run : runs) EXPECT_THAT(cautions, HasSubstr(points[run.point].run)) << i;
  }
  EXPECT_GE(found, budgets * 95 / 100) << found << " of " << budgets;
  EXPECT_GE(near, budgets * 80 / 100) << near << " of " << budgets;
}

TEST(Valley, AParabolaBelowEveryLossIsReplacedByOneNearTheLeast) {
  // Sizes x200 to either side: the ends pull the parabola far down.
  const Law law{.kind = LawKind::chinchilla,
                .values = {0.3, 40.0, 400.0, 0.4, 0.4},
                .name = "steep",
                .source = "",
                .convention = {}};
  const FitResult r = valleys(isoflop_design(law, kTinyBudgets, 9, 200, 0, 1));
  for (const IsoflopBudget& b : r.isoflop().budgets) {
    EXPECT_EQ(b.status, BudgetStatus::not_a_parabola);
    EXPECT_TRUE(b.plateau.empty());
    EXPECT_NEAR(b.params / compute_optimal(law, b.flops).scale.params, 1, 0.3);
  }
}

TEST(Valley, EveryStatusHasItsText) {
  for (const BudgetStatus status : all_of<BudgetStatus>()) EXPECT_STRNE(budget_status_text(status), "") << status;
}

TEST(Valley, CubicsAndParabolasAreExactOnTheirOwnKind) {
  std::vector<double> x, square, cube;
  const std::vector<double> w(6, 1.0);
  for (int i = 0; i < 6; ++i) {
    x.push_back(10 + 0.5 * i);
    const double t = x.back() - 11.2;
    square.push_back(2 + 0.3 * t * t);
    cube.push_back(2 + 0.3 * t * t - 0.05 * t * t * t);
  }
  EXPECT_NEAR(fit_parabola(x, square, w).vertex(), 11.2, 1e-9);
  EXPECT_NEAR(cubic_minimum(x, square, w).value(), 11.2, 1e-7);
  EXPECT_NEAR(cubic_minimum(x, cube, w).value(), 11.2, 1e-7);
  EXPECT_FALSE(cubic_minimum(std::span(x).first(4), std::span(cube).first(4), w));
  EXPECT_LT(valley_misfit(x, square), 0.01);
  square[5] *= 2.5;
  EXPECT_GT(valley_misfit(x, square), 0.05);
  EXPECT_EQ(check_valley(x, square, 0).above, std::vector<std::size_t>{5});
}

}  // namespace
}  // namespace scalelaw
