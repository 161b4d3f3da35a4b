// The text of a fit says nothing that is not a number.
#include <gmock/gmock.h>

#include <cmath>

#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(FitText, ABoundIsCalledOneAndWhatIsNoNumberIsADash) {
  auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 4, 0, 1);
  for (Observation& o : points)
    o.loss_nats = 0.1 + 0.02 * std::log(o.params) + 0.02 * std::log(o.tokens);  // an accuracy
  const FitResult r = fit_points(points, {.profile = false, .bootstrap = {.replicates = 50}});
  EXPECT_EQ(r.convergence.status, FitStatus::at_bound);
  const std::string text = describe(r);
  EXPECT_THAT(text, HasSubstr("status: AT A BOUND (at_bound): "));
  EXPECT_THAT(text, HasSubstr("ended at the bound of their ranges: the data do not need them"));
  EXPECT_THAT(text, Not(HasSubstr("nan")));
}

TEST(FitText, AHeldParameterHasNoErrorAndAnAbsentOffsetIsNotShown) {
  const auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 7, 4, 0.003, 1);
  const FitResult held =
      fit_points(points, {.fixed = {{"alpha", 0.35}}, .profile = false, .bootstrap = {.replicates = 50}});
  EXPECT_THAT(describe(held), HasSubstr("held"));
  EXPECT_THAT(describe(fit_points(points, {.law = LawKind::power_n, .profile = false})),
              HasSubstr("power-n: (X/N)^alpha"));
  EXPECT_THAT(describe(fit_points(points, {.law = LawKind::power_n, .offset = true, .profile = false})),
              HasSubstr("power-n: E + (X/N)^alpha"));
}

}  // namespace
}  // namespace scalelaw
