// The least of several minima: cases whose answer was computed independently (SciPy, many starts), and a wide search of
// our own on random studies.
#include "fit/search.hpp"

#include <gmock/gmock.h>

#include "fit/fit_text.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

std::vector<Observation> case_file(const std::string& name) {
  return read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases" / name);
}

TEST(Search, KaplanOnRunsWithoutRepetitionFindsTheLowerOfTwoMinima) {
  SCALELAW_NEED_REFERENCE();
  std::vector<Observation> points = read_observations(reference / "data_constrained_muennighoff2023.csv");
  std::erase_if(points, [](const Observation& o) { return o.tokens > 1.01 * o.unique_tokens.value_or(o.tokens); });
  const FitResult r = fit_points(points, {.law = LawKind::kaplan, .profile = false});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_NEAR(r.parametric().objective_value, 0.000998014079, 1e-11);
  EXPECT_NEAR(r.derived.at("a"), 0.765, 1e-3);
  EXPECT_GE(r.convergence.minima_found, 2);
  ASSERT_TRUE(r.convergence.next_best_objective);
  EXPECT_GT(*r.convergence.next_best_objective, r.parametric().objective_value);
  EXPECT_THAT(describe(r), HasSubstr("minima found"));
}

TEST(Search, KaplanFromTwoBasins) {
  const FitResult r =
      fit_points(case_file("kaplan_two_minima.csv"),
                 {.law = LawKind::kaplan, .objective = {.kind = ObjectiveKind::log_mse}, .profile = false});
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_NEAR(r.parametric().objective_value, 0.02480499441, 1e-10);
  const FitResult huber = fit_points(case_file("kaplan_two_minima.csv"), {.law = LawKind::kaplan, .profile = false});
  EXPECT_NEAR(huber.parametric().objective_value, 0.0006569000378, 1e-11);
}

TEST(Search, ChinchillaWithThirtyPercentOutliers) {
  for (const char* starts : {"projection", "grid"}) {
    const FitResult r =
        fit_points(case_file("two_minima_contaminated.csv"), {.starts = starts_named(starts), .profile = false});
    EXPECT_EQ(r.convergence.status, FitStatus::converged) << starts;
    EXPECT_NEAR(r.parametric().objective_value, 0.003575802, 1e-9) << starts;
    EXPECT_NEAR(r.derived.at("a"), 0.584, 1e-3) << starts;
    EXPECT_LT(r.convergence.paths_at_best, r.convergence.paths) << starts;
  }
}

TEST(Search, PowerLawsOfOneVariableEndAtAProvenMinimum) {
  const std::vector<Observation> points = case_file("power_n_stalled.csv");
  const FitResult n = fit_points(points, {.law = LawKind::power_n, .profile = false});
  EXPECT_EQ(n.convergence.status, FitStatus::converged) << n.message;
  EXPECT_NEAR(n.parametric().objective_value, 0.00430898571, 1e-10);
  EXPECT_NEAR(n.fitted.value("alpha"), 0.05999, 1e-5);
  const FitResult d = fit_points(points, {.law = LawKind::power_d, .profile = false});
  EXPECT_EQ(d.convergence.status, FitStatus::converged) << d.message;
  EXPECT_NEAR(d.parametric().objective_value, 0.00419343240, 1e-10);
}

TEST(Search, SixSizesOnAStraightLine) {
  const std::vector<double> params = {1e6, 3981072, 15848932, 63095734, 251188643, 1e9},
                            losses = {4.0217, 3.6091, 3.2445, 2.9374, 2.6356, 2.3833};
  std::vector<Observation> points(6);
  for (std::size_t i = 0; i < 6; ++i) {
    points[i].params = params[i];
    points[i].tokens = 1e9;
    points[i].flops = 6e9 * params[i];
    points[i].loss_nats = losses[i];
  }
  const FitResult r = fit_points(points, {.law = LawKind::power_n, .profile = false});
  EXPECT_EQ(r.convergence.status, FitStatus::converged) << r.message;
  EXPECT_NEAR(r.parametric().objective_value, 9.366e-6, 5e-10);
}

/// Runs of a random law on a random grid, a fifth of them off by up to a third.
std::vector<Observation> contaminated_study(std::uint64_t seed) {
  Rng rng = make_rng(seed, "contaminated");
  const auto between = [&](double low, double high) { return low + (high - low) * uniform01(rng); };
  Law law = test::tiny_law();
  law.values = {between(0.5, 2), 0, 0, between(0.15, 0.5), between(0.15, 0.5)};
  law.values[1] = between(0.3, 3) * std::pow(1e7, law.values[3]);
  law.values[2] = between(0.3, 3) * std::pow(1e9, law.values[4]);
  std::vector<Observation> points;
  for (int i = 0; i < 36; ++i) {
    Observation o;
    o.params = 1e6 * std::pow(10, between(0, 3));
    o.tokens = 1e8 * std::pow(10, between(0, 3));
    o.flops = 6 * o.params * o.tokens;
    o.steps = o.tokens / std::pow(10, between(3, 4));
    o.unique_tokens = o.tokens / between(1, 20);
    o.loss_nats = predict_loss(law, law_point(o)) * std::exp(0.01 * standard_normal(rng));
    if (uniform01(rng) < 0.2) o.loss_nats *= std::exp(between(-0.1, 0.3));
    points.push_back(o);
  }
  return points;
}

TEST(Search, NoRandomStartLeadsLower) {
  for (const LawKind law : {LawKind::chinchilla, LawKind::kaplan, LawKind::power_n, LawKind::power_d, LawKind::power_c,
                            LawKind::kaplan_steps, LawKind::data_constrained, LawKind::data_overfitting,
                            LawKind::overtraining, LawKind::outer}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      const std::vector<Observation> points = contaminated_study(seed);
      const FitResult r = fit_points(points, {.law = law, .offset = seed % 2 == 0, .profile = false});
      ASSERT_FALSE(r.fitted.values.empty()) << law_form(law).name << " " << r.message;
      std::map<std::string, double> fixed;
      if (!shows_parameter(r.fitted, 2) && law_form(law).parameters[2] == "E") fixed["E"] = 0;
      const Problem p = make_problem(points, law, {}, fixed);
      Rng rng = make_rng(seed, "anywhere");
      for (int i = 0; i < 100; ++i) {
        Vector theta = start_from(p, r.fitted.values);
        for (std::size_t k = 0; k < p.free.size(); ++k) {
          const bool log_scale = is_logarithmic(law_form(law).constants[p.free[k]]);
          theta[k] = log_scale ? theta[k] + 2 * standard_normal(rng) : theta[k] * std::exp(0.8 * standard_normal(rng));
        }
        const Solution s = solve(p, p.weights, theta, {.warm = true, .piecewise = true, .finish = false});
        if (s.status == NewtonStatus::diverged) continue;
        ASSERT_GE(s.value, r.parametric().objective_value - 1e-9)
            << law_form(law).name << " seed " << seed << " start " << i;
      }
    }
  }
}

}  // namespace
}  // namespace scalelaw
