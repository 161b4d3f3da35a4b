// Farseer's law: its kernel, and what its fits reach.
#include "fit/stretched.hpp"

#include <gtest/gtest.h>

#include "fit/evaluate.hpp"
#include "fit/fixtures.hpp"
#include "law/some_laws.hpp"

namespace scalelaw {
namespace {

// Models of 0.2 to 6 billion parameters on 2 to 200 billion tokens, eight of each.
std::vector<Observation> grid_of_runs(const Law& law, double noise, std::uint64_t seed) {
  std::vector<Observation> points;
  Rng rng = make_rng(seed, "grid of runs");
  for (int i = 0; i < 64; ++i) {
    Observation o;
    o.params = 2e8 * std::pow(30, (i / 8) / 7.0);
    o.tokens = 2e9 * std::pow(100, (i % 8) / 7.0);
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = predict_loss(law, law_point(o)) * std::exp(noise * standard_normal(rng));
    points.push_back(o);
  }
  return points;
}

FitResult fit_of(const std::vector<Observation>& points, LawKind law, ObjectiveKind kind = ObjectiveKind::log_mse) {
  return fit_points(points, {.law = law, .objective = {.kind = kind}, .profile = false});
}

double objective_of(const std::vector<Observation>& points, const Law& law) {
  double sum = 0;
  for (const Observation& o : points) sum += std::pow(std::log(predict_loss(law, law_point(o)) / o.loss_nats), 2);
  return sum;
}

TEST(Stretched, DerivativesAgreeWithCentralDifferences) {
  for (const bool centred : {true, false}) {
    for (const double power : {-0.3, 0.0, 1e-9, 0.04, 0.4}) {
      StretchedPlaces places{.at = 20.5, .centred = {centred, centred, centred}};
      StretchedTheta theta = {-0.2, power, -1.2, -1.1, power, 5.1, -0.12, power, 0.6};
      if (!centred) theta = {-0.05, power / 8, -0.9, 0.4, power / 8, 4, -0.1, power / 8, 0.5};
      StretchedLoss at, up, down;
      for (const double x : {19.0, 20.5, 22.5}) {
        const double y = 24;
        stretched_loss(places, theta, x, y, true, at);
        for (std::size_t k = 0; k < theta.size(); ++k) {
          const double h = 1e-5;
          StretchedTheta moved = theta;
          moved[k] += h;
          stretched_loss(places, moved, x, y, true, up);
          moved[k] -= 2 * h;
          stretched_loss(places, moved, x, y, true, down);
          EXPECT_NEAR(at.gradient[k], (up.value - down.value) / (2 * h), 1e-7 * (1 + std::abs(at.gradient[k])));
          for (std::size_t l = 0; l < theta.size(); ++l) {
            EXPECT_NEAR(at.hessian[l][k], (up.gradient[l] - down.gradient[l]) / (2 * h),
                        1e-6 * (1 + std::abs(at.hessian[l][k])))
                << "centred " << centred << " power " << power << " " << l << k;
          }
        }
      }
    }
  }
}

// The kernel in its own coordinates is the law at the constants that they stand for, whatever is held.
TEST(Farseer, ItsCoordinatesAreItsConstants) {
  const Law law = some_law(LawKind::farseer);
  const std::vector<Observation> points = grid_of_runs(law, 0, 1);
  for (const std::map<std::string, double>& fixed :
       {std::map<std::string, double>{}, {{"a1", -0.124}}, {{"gamma", 0.169}}, {{"b2", -5.83}, {"beta", -0.1}}}) {
    const Problem p = make_problem(points, LawKind::farseer, {}, fixed);
    const Vector theta = start_from(p, law.values);
    const std::vector<double> back = natural_values(p, theta);
    for (std::size_t k = 0; k < back.size(); ++k) EXPECT_NEAR(back[k] / law.values[k], 1, 1e-10) << k;
    for (const double r : residuals(p, theta)) EXPECT_NEAR(r, 0, 1e-12);
  }
  // Where another power is held, the function keeps its slope and its level.
  const Problem all = make_problem(points, LawKind::farseer, {}, {}),
                held = make_problem(points, LawKind::farseer, {}, {{"gamma", 0.3}});
  EXPECT_EQ(start_from(held, law.values)[6], start_from(all, law.values)[6]);
  EXPECT_EQ(start_from(held, law.values)[7], start_from(all, law.values)[8]);
  EXPECT_THROW((void)make_problem(points, LawKind::farseer, {}, {{"gamma", 0.0}}), Error);
  EXPECT_NO_THROW((void)make_problem(points, LawKind::farseer, {}, {{"a1", 0.0}}));
  EXPECT_NO_THROW((void)make_problem(points, LawKind::farseer, {}, {{"b2", -3.0}}));
}

TEST(Farseer, AFitReachesTheTruthOrLower) {
  const Law law = some_law(LawKind::farseer);
  const FitResult exact = fit_of(grid_of_runs(law, 0, 1), LawKind::farseer);
  EXPECT_EQ(exact.convergence.status, FitStatus::converged) << exact.message;
  EXPECT_LT(exact.parametric().objective_value, 1e-18);
  for (std::size_t k = 0; k < law.values.size(); ++k) {
    EXPECT_NEAR(exact.fitted.values[k] / law.values[k], 1, 1e-4) << law.form().parameters[k];
  }
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<Observation> points = grid_of_runs(law, 0.003, seed);
    const FitResult r = fit_of(points, LawKind::farseer);
    const double truth = objective_of(points, law);
    EXPECT_LE(r.parametric().objective_value, truth) << seed;
    EXPECT_GT(r.parametric().objective_value, 0.5 * truth) << seed;
    EXPECT_LT(r.parametric().objective_value, 0.5 * fit_of(points, LawKind::chinchilla).parametric().objective_value);
  }
}

TEST(Farseer, AFitOfChinchillasLossesIsAsGoodAsChinchillas) {
  for (const Law& law : {published_law("besiroglu2024"), published_law("hoffmann2022"), test::tiny_law()}) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      const std::vector<Observation> points = law.name == "tiny"
                                                  ? test::isoflop_design(law, test::kTinyBudgets, 7, 8, 0.005, seed)
                                                  : grid_of_runs(law, 0.003, seed);
      for (const ObjectiveKind kind : {ObjectiveKind::log_mse, ObjectiveKind::log_huber}) {
        const double own = fit_of(points, LawKind::chinchilla, kind).parametric().objective_value;
        const FitResult r = fit_of(points, LawKind::farseer, kind);
        EXPECT_LE(r.parametric().objective_value, 1.02 * own) << law.name << " " << seed << " " << r.message;
      }
    }
  }
}

TEST(Farseer, ComesCloserToPublishedRunsThanChinchilla) {
  std::vector<Observation> points = read_observations(test::besiroglu_points());
  std::ranges::sort(points, {}, &Observation::loss_nats);
  points.resize(240);
  std::vector<std::vector<Observation>> sets = {points};
  if (const std::filesystem::path reference = test::reference_folder(); !reference.empty()) {
    sets.push_back(read_observations(reference / "gemstones_cool_end.csv"));
  }
  // The least objectives that a search of many starts in SciPy finds (trust region, the coordinates of
  // law/stretched.hpp): 0.00723085 and 0.0400209, where chinchilla's are 0.01146189 and 0.04869075.
  const std::vector<double> known = {0.00723085, 0.0400209};
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const FitResult r = fit_of(sets[i], LawKind::farseer);
    EXPECT_LE(r.parametric().objective_value, known[i] * (1 + 1e-5)) << i << " " << r.message;
    EXPECT_LT(r.parametric().objective_value, fit_of(sets[i], LawKind::chinchilla).parametric().objective_value) << i;
  }
}

TEST(Farseer, NeedsThreeSizesAndDataOfTheirOwn) {
  const Law law = some_law(LawKind::farseer);
  std::vector<Observation> points = grid_of_runs(law, 0.003, 1);
  std::erase_if(points, [](const Observation& o) { return o.params > 4e8; });  // two sizes
  EXPECT_EQ(fit_of(points, LawKind::farseer).convergence.status, FitStatus::design);
  points = grid_of_runs(law, 0.003, 1);
  for (Observation& o : points) o.tokens = 20 * o.params;
  EXPECT_EQ(fit_of(points, LawKind::farseer).convergence.status, FitStatus::design);
}

}  // namespace
}  // namespace scalelaw
