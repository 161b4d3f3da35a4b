#include "fit/recentre.hpp"

#include <gmock/gmock.h>

#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"
#include "law/optimum.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Budgets whose sizes centre on `offset(budget)` times their optimum.
template <class Offset>
FitResult grids(const Offset& offset) {
  std::vector<Observation> points;
  for (std::size_t k = 0; k < test::kTinyBudgets.size(); ++k) {
    const double flops = test::kTinyBudgets[k];
    const double center = compute_optimal(test::tiny_law(), flops).scale.params * offset(k);
    for (int i = -3; i <= 3; ++i) {
      Observation o;
      o.params = center * std::pow(2.0, i);
      o.tokens = flops / (6 * o.params);
      o.flops = flops;
      o.loss_nats = predict_loss(test::tiny_law(), o.scale());
      points.push_back(o);
    }
  }
  return fit_points(points, {.method = Method::isoflop});
}

TEST(Recentre, CentredGridsNeedNoAdvice) {
  EXPECT_THAT(grids([](std::size_t) { return 1.0; }).isoflop().advice, IsEmpty());
}

TEST(Recentre, AGridOffItsMinimumIsToldWhereToGo) {
  const FitResult r = grids([](std::size_t k) { return k == 2 ? 0.3 : 1.0; });
  EXPECT_THAT(r.isoflop().advice, Contains(AllOf(HasSubstr("budget 10¹³"), HasSubstr("recentre"))));
  EXPECT_THAT(describe(r), HasSubstr("advice: budget 10¹³"));
}

TEST(Recentre, AnEdgeAsksForMoreSizesOnItsSide) {
  const FitResult low = grids([](std::size_t k) { return k == 4 ? 20.0 : 1.0; });
  ASSERT_EQ(low.isoflop().budgets[4].status, BudgetStatus::edge_low);
  EXPECT_THAT(low.isoflop().advice, Contains(AllOf(HasSubstr("add smaller"), HasSubstr("by the other budgets"))));
  const FitResult high = grids([](std::size_t k) { return k == 4 ? 0.05 : 1.0; });
  ASSERT_EQ(high.isoflop().budgets[4].status, BudgetStatus::edge_high);
  EXPECT_THAT(high.isoflop().advice, Contains(HasSubstr("add larger")));
}

TEST(Recentre, ADriftingCentreIsNamedAndAConstantOneIsNot) {
  const auto drifts = [](const FitResult& r) {
    return std::ranges::any_of(r.isoflop().advice,
                               [](const std::string& s) { return s.find("drifts") != std::string::npos; });
  };
  EXPECT_TRUE(drifts(grids([](std::size_t k) { return std::pow(1.6, static_cast<double>(k) - 2); })));
  EXPECT_FALSE(drifts(grids([](std::size_t) { return 1.5; })));
  // What the drift does: the exponent moves, which a constant offset hardly does.
  const double exact = allocation_exponents(test::tiny_law())->a;
  const double drifted = grids([](std::size_t k) { return std::pow(1.6, static_cast<double>(k) - 2); }).derived.at("a");
  const double constant = grids([](std::size_t) { return 1.5; }).derived.at("a");
  EXPECT_GT(std::abs(drifted - exact), 5 * std::abs(constant - exact));
}

}  // namespace
}  // namespace scalelaw
