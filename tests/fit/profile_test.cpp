// Profile intervals of the exponents a and b.
#include "fit/profile.hpp"

#include <boost/math/tools/minima.hpp>

#include "fit/evaluate.hpp"
#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

using test::isoflop_design;
using test::kTinyBudgets;
using test::tiny_law;

TEST(Profile, AProblemWithTiedExponentsHasTheDerivativesOfItsObjective) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 6, 8, 0.02, 3);
  const Law kaplan{.kind = LawKind::kaplan, .values = {3e7, 2e9, 0.2, 0.3}, .name = "", .source = "", .convention = {}};
  for (const Law& law : {tiny_law(), kaplan}) {
    const std::size_t to = law.kind == LawKind::kaplan ? 3 : 4, from = to - 1;
    const Tie tie{.from = from, .to = to, .factor = 1.3};
    const Problem p = make_problem(points, law.kind, {.kind = ObjectiveKind::log_huber, .delta = 0.05}, {}, tie);
    ASSERT_EQ(p.free.size(), law.values.size() - 1);
    const Vector theta = start_from(p, law.values);
    const std::vector<double> values = natural_values(p, theta);
    EXPECT_EQ(values[to], 1.3 * values[from]);
    const auto model = [&](const Vector& x) {
      LocalModel at;
      evaluate(p, p.weights, 0.05, true, std::span(x.data(), p.free.size()), at);
      return at;
    };
    const LocalModel at = model(theta);
    for (std::size_t k = 0; k < p.free.size(); ++k) {
      const double h = 1e-6 * std::max(1.0, std::abs(theta[k]));
      Vector up = theta, down = theta;
      up[k] += h;
      down[k] -= h;
      const LocalModel high = model(up), low = model(down);
      EXPECT_NEAR(at.gradient[k], (high.value - low.value) / (2 * h), 1e-7 * std::abs(at.gradient[k]) + 1e-9) << k;
      for (std::size_t j = 0; j < p.free.size(); ++j) {
        const double difference = (high.gradient[j] - low.gradient[j]) / (2 * h);
        EXPECT_NEAR(at.hessian[k][j], difference, 2e-4 * std::abs(difference) + 1e-5) << k << " " << j;
      }
    }
  }
}

// Least sum of squares with a held, by another route: alpha and beta = alpha a/(1 - a) fixed, alpha searched over.
double least_with(const std::vector<Observation>& points, double a, double alpha) {
  const auto at = [&](double log_alpha) {
    const double x = std::exp(log_alpha);
    return fit_points(points, {.objective = {.kind = ObjectiveKind::log_mse},
                               .fixed = {{"alpha", x}, {"beta", x * a / (1 - a)}},
                               .profile = false})
        .parametric()
        .objective_value;
  };
  return boost::math::tools::brent_find_minima(at, std::log(alpha) - 1.5, std::log(alpha) + 1.5, 20).second;
}

TEST(Profile, TheIntervalOfAEndsWhereTheLeastSumOfSquaresReachesItsLimit) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.003, 1);
  const FitResult r = fit_points(points, {.objective = {.kind = ObjectiveKind::log_mse}});
  ASSERT_TRUE(r.converged());
  const Identifiability a = r.parametric().identifiability.at("a"), b = r.parametric().identifiability.at("b");
  ASSERT_TRUE(a.identified);
  EXPECT_LT(a.profile_ci95.low, r.derived.at("a"));
  EXPECT_GT(a.profile_ci95.high, r.derived.at("a"));
  // S(a) = S (1 + chi2_1(.95) / (n - p))
  const double limit = r.parametric().objective_value * (1 + 3.841458820694124 / (35 - 5));
  for (const double end : {a.profile_ci95.low, a.profile_ci95.high}) {
    EXPECT_NEAR(least_with(points, end, r.fitted.value("alpha")) / limit, 1, 1e-4) << end;
  }
  EXPECT_NEAR(b.profile_ci95.low, 1 - a.profile_ci95.high, 1e-15);
  EXPECT_NEAR(b.profile_ci95.high, 1 - a.profile_ci95.low, 1e-15);
}

TEST(Profile, AIsDeterminedBetterThanTheExponentsItIsMadeOf) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  const FitResult r = fit_points(points, {});
  ASSERT_TRUE(r.converged());
  const auto relative_width = [&](const char* name, double value) {
    const Interval i = r.parametric().identifiability.at(name).profile_ci95;
    return (i.high - i.low) / value;
  };
  EXPECT_LT(relative_width("a", r.derived.at("a")), 0.8 * relative_width("alpha", r.fitted.value("alpha")));
  EXPECT_LT(relative_width("a", r.derived.at("a")), 0.8 * relative_width("beta", r.fitted.value("beta")));
}

TEST(Profile, WithOneExponentHeldAFollowsFromTheOther) {
  const auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0.01, 1);
  for (const char* held : {"alpha", "beta"}) {
    const bool alpha = std::string(held) == "alpha";
    const FitResult r = fit_points(points, {.fixed = {{held, 0.26}}});
    const Interval x = r.parametric().identifiability.at(alpha ? "beta" : "alpha").profile_ci95;
    const Interval a = r.parametric().identifiability.at("a").profile_ci95;
    EXPECT_NEAR(a.low, alpha ? x.low / (x.low + 0.26) : 0.26 / (0.26 + x.high), 1e-12);
    EXPECT_NEAR(a.high, alpha ? x.high / (x.high + 0.26) : 0.26 / (0.26 + x.low), 1e-12);
    EXPECT_LT(a.low, r.derived.at("a"));
    EXPECT_GT(a.high, r.derived.at("a"));
  }
  EXPECT_FALSE(
      fit_points(points, {.fixed = {{"alpha", 0.28}, {"beta", 0.24}}}).parametric().identifiability.contains("a"));
}

TEST(Profile, KaplansLawHasOneTooAndPowerLawsHaveNone) {
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 9, 12, 0, 1);
  const Law law{.kind = LawKind::kaplan, .values = {3e7, 2e9, 0.2, 0.3}, .name = "", .source = "", .convention = {}};
  Rng rng = make_rng(4, "kaplan");
  for (Observation& o : points) o.loss_nats = predict_loss(law, law_point(o)) * std::exp(0.005 * standard_normal(rng));
  const FitResult r = fit_points(points, {.law = LawKind::kaplan});
  ASSERT_TRUE(r.converged());
  const Interval a = r.parametric().identifiability.at("a").profile_ci95;
  EXPECT_LT(a.low, 0.6);
  EXPECT_GT(a.high, 0.6);
  EXPECT_LT(a.high - a.low, 0.1);
  EXPECT_FALSE(fit_points(points, {.law = LawKind::power_c}).parametric().identifiability.contains("a"));
}

TEST(Profile, RunsOfOneSizeDoNotIdentifyA) {
  // One model size: nothing is known of alpha, so a may be anything.
  auto points = isoflop_design(tiny_law(), kTinyBudgets, 7, 8, 0, 1);
  Rng rng = make_rng(5, "one size");
  for (Observation& o : points) {
    o.params = 1e6 * (1 + 1e-3 * uniform01(rng));
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = predict_loss(tiny_law(), law_point(o)) * std::exp(0.01 * standard_normal(rng));
  }
  const FitResult r = fit_points(points, {});
  EXPECT_TRUE(!r.converged() || !r.parametric().identifiability.at("a").identified) << describe(r);
}

TEST(Profile, TheIntervalOfBesiroglusA) {
  const FitResult r = fit_points(read_observations(test::besiroglu_points()), {.drop_highest = 5});
  const Identifiability a = r.parametric().identifiability.at("a");
  EXPECT_TRUE(a.identified);
  // Narrower than the bootstrap's, whose standard error is .0200: docs/METHODS.md says why.
  EXPECT_NEAR(a.profile_ci95.low, 0.491, 5e-4);
  EXPECT_NEAR(a.profile_ci95.high, 0.539, 5e-4);
}

TEST(Profile, OfExactDataClosesAroundTheTruth) {
  FitOptions options;
  options.bootstrap.replicates = 0;
  const FitResult result = fit_points(isoflop_design(tiny_law(), kTinyBudgets, 6, 8, 0, 3), options);
  ASSERT_EQ(result.convergence.status, FitStatus::converged);
  for (const auto& [name, found] : result.parametric().identifiability) {
    EXPECT_TRUE(std::isfinite(found.profile_ci95.low) && std::isfinite(found.profile_ci95.high)) << name;
  }
  for (const char* name : {"E", "alpha", "beta"}) {
    const Interval interval = result.parametric().identifiability.at(name).profile_ci95;
    EXPECT_NEAR(interval.low, tiny_law().value(name), 1e-3 * tiny_law().value(name)) << name;
    EXPECT_NEAR(interval.high, tiny_law().value(name), 1e-3 * tiny_law().value(name)) << name;
  }
}

}  // namespace
}  // namespace scalelaw
