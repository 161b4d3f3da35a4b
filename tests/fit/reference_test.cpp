// Published observations and answers recomputed in double precision (../shared/reference/README.md).
#include "core/csv.hpp"
#include "fit/fixtures.hpp"
#include "fit/solve.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

void expect_besiroglu(const FitResult& r) {
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_EQ(r.n, 240);
  EXPECT_NEAR(r.parametric().objective_value, 0.001018274017801, 2e-14);
  EXPECT_NEAR(r.fitted.value("A") / 477.82587, 1, 1e-6);
  EXPECT_NEAR(r.fitted.value("B") / 2143.41736, 1, 1e-6);
  EXPECT_NEAR(r.fitted.value("E") / 1.8172181, 1, 1e-6);
  EXPECT_NEAR(r.fitted.value("alpha") / 0.3473105, 1, 1e-6);
  EXPECT_NEAR(r.fitted.value("beta") / 0.3671724, 1, 1e-6);
  EXPECT_NEAR(r.derived.at("a"), 0.513900, 1e-6);
  EXPECT_LT(r.convergence.gradient_norm, 1e-12);
}

TEST(Reference, BesiroglusPointsFromProjectionAndFromHoffmannsConstants) {
  const auto points = read_observations(test::besiroglu_points());
  FitOptions options{.drop_highest = 5, .profile = false};
  const FitResult projected = fit_points(points, options);
  expect_besiroglu(projected);
  EXPECT_EQ(projected.convergence.starts_at_best, projected.convergence.starts);
  options.starts = starts_named("hoffmann2022");
  expect_besiroglu(fit_points(points, options));
}

TEST(Reference, BesiroglusPointsFromTheGridOf4500Starts) {
  const auto points = read_observations(test::besiroglu_points());
  const FitResult r = fit_points(points, {.drop_highest = 5, .starts = starts_named("grid"), .profile = false});
  expect_besiroglu(r);
  EXPECT_EQ(r.convergence.starts, 4500);
  EXPECT_GT(r.convergence.starts_at_best, 4400);  // SciPy's L-BFGS-B: under one in ten
}

TEST(Reference, TheObjectiveAtHoffmannsConstants) {
  const auto points = read_observations(test::besiroglu_points());
  const Law& law = published_law("hoffmann2022");
  // One evaluation is the start itself: the value there, and no claim to have fitted anything.
  FitOptions options{.drop_highest = 5, .starts = starts_named("hoffmann2022"), .max_evaluations = 1, .profile = false};
  const FitResult r = fit_points(points, options);
  EXPECT_NEAR(r.parametric().objective_value, 0.001231162602579, 1e-14);
  EXPECT_EQ(r.convergence.status, FitStatus::stalled);
  for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(r.fitted.values[k] / law.values[k], 1, 1e-12);
}

TEST(Reference, All245Points) {
  const auto points = read_observations(test::besiroglu_points());
  for (const char* starts : {"projection", "grid", "hoffmann2022"}) {
    const FitResult r = fit_points(points, {.starts = starts_named(starts), .profile = false});
    EXPECT_EQ(r.convergence.status, FitStatus::converged) << starts;
    EXPECT_NEAR(r.parametric().objective_value, 0.001826010523069, 2e-14) << starts;
    EXPECT_NEAR(r.fitted.value("A"), 495.726, 5e-4) << starts;
    EXPECT_NEAR(r.fitted.value("B"), 12845.6, 0.05) << starts;
    EXPECT_NEAR(r.fitted.value("E"), 1.8913385, 5e-8) << starts;
    EXPECT_NEAR(r.fitted.value("alpha"), 0.3493129, 5e-8) << starts;
    EXPECT_NEAR(r.fitted.value("beta"), 0.4530493, 5e-8) << starts;
  }
}

TEST(Reference, Gemstones) {
  SCALELAW_NEED_REFERENCE();
  const auto points = read_observations(reference / "gemstones_cool_end.csv");
  for (const char* starts : {"projection", "grid", "hoffmann2022"}) {
    const FitResult r = fit_points(points, {.starts = starts_named(starts), .profile = false});
    EXPECT_EQ(r.convergence.status, FitStatus::converged) << starts;
    EXPECT_NEAR(r.parametric().objective_value, 0.001964086431185, 2e-14) << starts;
    EXPECT_NEAR(r.fitted.value("A"), 226.1328, 1e-4) << starts;
    EXPECT_NEAR(r.fitted.value("B"), 271661.0, 0.1) << starts;
    EXPECT_NEAR(r.fitted.value("E"), 2.0747837, 5e-8) << starts;
    EXPECT_NEAR(r.fitted.value("alpha"), 0.3003606, 5e-8) << starts;
    EXPECT_NEAR(r.fitted.value("beta"), 0.5801673, 5e-8) << starts;
  }
}

FitOptions muennighoff_options() {
  const Law& law = published_law("muennighoff2023");
  FitOptions options{.law = LawKind::data_constrained, .profile = false};
  for (const char* name : {"A", "B", "E", "alpha", "beta"}) options.fixed[name] = law.value(name);
  return options;
}

TEST(Reference, DataConstrainedNearThePublishedDecays) {
  SCALELAW_NEED_REFERENCE();
  FitOptions options = muennighoff_options();
  options.starts = starts_named("muennighoff2023");
  const FitResult r = fit_points(read_observations(reference / "data_constrained_muennighoff2023.csv"), options);
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_NEAR(r.parametric().objective_value, 0.015825932069110, 2e-14);
  EXPECT_NEAR(r.fitted.value("R_D"), 15.37175852, 1e-6);
  EXPECT_NEAR(r.fitted.value("R_N"), 5.31512590, 1e-6);
}

TEST(Reference, DataConstrainedHasLowerMinimaElsewhere) {
  // The published decays are a local minimum of this objective, one of four that SciPy finds from a grid of 90 x 90
  // starts: 0.0158046625, .0158073786, .0158112893 and .0158259321. The search from all starts finds the least, far
  // away, and the profile says that R_D is not identified.
  SCALELAW_NEED_REFERENCE();
  FitOptions options = muennighoff_options();
  options.profile = true;
  const FitResult r = fit_points(read_observations(reference / "data_constrained_muennighoff2023.csv"), options);
  EXPECT_EQ(r.convergence.status, FitStatus::converged);
  EXPECT_NEAR(r.parametric().objective_value, 0.015804662474002, 2e-14);
  EXPECT_NEAR(r.fitted.value("R_D"), 95.365, 1e-3);
  EXPECT_NEAR(r.fitted.value("R_N"), 1.7059, 1e-4);
  EXPECT_LT(r.convergence.starts_at_best, r.convergence.starts);
  EXPECT_FALSE(r.parametric().identifiability.at("R_D").identified);
}

TEST(Reference, MinimaOfTheDataConstrainedDecays) {
  // Descents from 12 x 12 starts reach each of the minima that SciPy's Nelder-Mead finds, and none below the least.
  SCALELAW_NEED_REFERENCE();
  const FitOptions options = muennighoff_options();
  const Problem p = make_problem(read_observations(reference / "data_constrained_muennighoff2023.csv"), options.law,
                                 options.objective, options.fixed);
  EXPECT_EQ(p.size(), 182U);
  const std::vector<std::array<double, 3>> minima = {{0.0158046625, 95.4, 1.71},
                                                     {0.0158073786, 47.0, 2.33},
                                                     {0.0158112893, 160.7, 1.45},
                                                     {0.0158259321, 15.37, 5.315}};
  std::array<int, 4> reached{};
  for (int i = 0; i < 12; ++i) {
    for (int j = 0; j < 12; ++j) {
      std::vector<double> start = published_law("muennighoff2023").values;
      start[5] = 4 * std::pow(100.0, i / 11.0);
      start[6] = 0.7 * std::pow(20.0, j / 11.0);
      const Solution s = solve(p, p.weights, start_from(p, start), {.warm = true});
      EXPECT_GT(s.value, minima[0][0] - 6e-11) << start[5] << ", " << start[6];
      if (s.status != NewtonStatus::converged) continue;
      const auto at = std::ranges::find_if(minima, [&](const auto& m) { return std::abs(s.value - m[0]) < 6e-11; });
      if (at == minima.end()) continue;
      const std::vector<double> v = natural_values(p, s.theta);
      EXPECT_NEAR(v[5] / (*at)[1], 1, 1e-3);
      EXPECT_NEAR(v[6] / (*at)[2], 1, 4e-3);
      ++reached[static_cast<std::size_t>(at - minima.begin())];
    }
  }
  for (const int count : reached) EXPECT_GT(count, 0);
}

TEST(Reference, OptimaOfThreeConventions) {
  SCALELAW_NEED_REFERENCE();
  const CsvTable table = read_csv(reference / "isoflop_optima_three_conventions_nanochat.csv");
  const auto all =
      read_observations(reference / "isoflop_optima_three_conventions_nanochat.csv", {{"loss", "bits_per_byte"}});
  const auto slopes = [&](const std::string& convention) {
    std::vector<Observation> points;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (table.rows[i][table.column("convention")] == convention) points.push_back(all[i]);
    }
    return fit_points(points, {.law = LawKind::optimal}).derived;
  };
  const auto kaplan = slopes("Kaplan"), chinchilla = slopes("Chinchilla"), transformer = slopes("Transformer-only");
  EXPECT_NEAR(kaplan.at("a"), 0.5361, 5e-5);
  EXPECT_NEAR(chinchilla.at("a"), 0.3745, 5e-5);
  EXPECT_NEAR(transformer.at("a"), 0.6965, 5e-5);
  EXPECT_NEAR(kaplan.at("b"), 0.4889, 5e-5);
  EXPECT_NEAR(chinchilla.at("b"), 0.5008, 5e-5);
  EXPECT_NEAR(transformer.at("b"), 0.4058, 5e-5);
}

BootstrapResult bootstrap_240(const std::vector<Observation>& points, std::int64_t replicates, std::uint64_t seed) {
  FitOptions options{.drop_highest = 5, .profile = false};
  options.bootstrap.replicates = replicates;
  options.bootstrap.seed = seed;
  return fit_points(points, options).bootstrap;
}

TEST(Reference, BootstrapOfBesiroglusPoints) {
  const auto points = read_observations(test::besiroglu_points());
  const BootstrapResult b = bootstrap_240(points, 4000, BootstrapOptions{}.seed);
  EXPECT_EQ(b.failed, 0);
  EXPECT_NEAR(b.se.at("E") / 0.02548, 1, 0.04);
  EXPECT_NEAR(b.se.at("alpha") / 0.01522, 1, 0.04);
  EXPECT_NEAR(b.se.at("beta") / 0.02051, 1, 0.04);
  EXPECT_NEAR(b.derived_se.at("a") / 0.0200, 1, 0.04);
  EXPECT_NEAR(b.se.at("A") / 123.2, 1, 0.08);
  EXPECT_NEAR(b.se.at("B") / 1280.9, 1, 0.08);
}

TEST(Reference, ManyMoreBootstrapsSayWhatTheStandardErrorsAre) {
  // 400,000 refits: E .02542, A 121.1, B 1358, alpha .01511, beta .02028, a .01953. The reference's 4,000 differ from
  // them by what 4,000 refits leave open: 1 % for most, 4.4 % for B, whose draws reach 20 times its estimate.
  const auto points = read_observations(test::besiroglu_points());
  const BootstrapResult b = bootstrap_240(points, 40000, 1);
  EXPECT_EQ(b.failed, 0);
  EXPECT_NEAR(b.se.at("E") / 0.025422, 1, 0.02);
  EXPECT_NEAR(b.se.at("A") / 121.06, 1, 0.02);
  EXPECT_NEAR(b.se.at("B") / 1358.4, 1, 0.06);
  EXPECT_NEAR(b.se.at("alpha") / 0.015114, 1, 0.02);
  EXPECT_NEAR(b.se.at("beta") / 0.020275, 1, 0.02);
  EXPECT_NEAR(b.derived_se.at("a") / 0.019529, 1, 0.02);
}

}  // namespace
}  // namespace scalelaw
