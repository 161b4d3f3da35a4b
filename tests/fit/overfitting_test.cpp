// Fits of the law whose loss can rise with the epochs.
#include <gmock/gmock.h>

#include "fit/fixtures.hpp"
#include "law/some_laws.hpp"

namespace scalelaw {
namespace {

// Sizes times unique tokens times epochs; a third of the runs read everything once.
std::vector<Observation> runs_with_epochs(const Law& law, double noise, std::uint64_t seed) {
  std::vector<Observation> points;
  Rng rng = make_rng(seed, "epochs");
  for (const double n : {5e7, 2e8, 8e8, 3e9}) {
    for (const double unique : {3e8, 1e9, 4e9}) {
      for (const double epochs : {1.0, 3.0, 10.0, 40.0}) {
        Observation o;
        o.params = n;
        o.tokens = unique * epochs;
        o.unique_tokens = unique;
        o.flops = 6 * n * o.tokens;
        o.loss_nats = predict_loss(law, law_point(o)) * std::exp(noise * standard_normal(rng));
        points.push_back(o);
      }
    }
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

TEST(DataOverfitting, AFitReachesTheTruthOrLower) {
  const Law law = some_law(LawKind::data_overfitting);
  for (const ObjectiveKind kind : {ObjectiveKind::log_mse, ObjectiveKind::log_huber}) {
    const FitResult exact = fit_of(runs_with_epochs(law, 0, 1), law.kind, kind);
    EXPECT_EQ(exact.convergence.status, FitStatus::converged) << exact.message;
    for (std::size_t k = 0; k < law.values.size(); ++k) {
      EXPECT_NEAR(exact.fitted.values[k] / law.values[k], 1, 1e-5) << law.form().parameters[k];
    }
  }
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const std::vector<Observation> points = runs_with_epochs(law, 0.005, seed);
    const FitResult r = fit_of(points, law.kind);
    EXPECT_EQ(r.convergence.status, FitStatus::converged) << r.message;
    EXPECT_LE(r.parametric().objective_value, objective_of(points, law));
    // Losses that rise are beyond a law of decays.
    EXPECT_LT(r.parametric().objective_value,
              0.5 * fit_of(points, LawKind::data_constrained).parametric().objective_value);
  }
}

TEST(DataOverfitting, WithoutAPenaltyItIsChinchilla) {
  const Law chinchilla = published_law("besiroglu2024");
  const std::vector<Observation> points = runs_with_epochs(chinchilla, 0.005, 1);
  const FitResult r = fit_of(points, LawKind::data_overfitting);
  EXPECT_LE(r.parametric().objective_value,
            fit_of(points, LawKind::chinchilla).parametric().objective_value * (1 + 1e-9));
}

TEST(DataOverfitting, NeedsRunsThatRepeat) {
  std::vector<Observation> points = runs_with_epochs(some_law(LawKind::data_overfitting), 0.005, 1);
  for (Observation& o : points) o.unique_tokens = o.tokens;
  const FitResult r = fit_of(points, LawKind::data_overfitting);
  EXPECT_EQ(r.convergence.status, FitStatus::design);
  EXPECT_THAT(r.message, testing::HasSubstr("nothing shows P and delta and kappa"));
}

TEST(DataOverfitting, ComesCloserToPublishedRepetitionThanChinchilla) {
  SCALELAW_NEED_REFERENCE();
  const std::vector<Observation> points = read_observations(reference / "data_constrained_muennighoff2023.csv");
  const FitResult r = fit_of(points, LawKind::data_overfitting);
  EXPECT_TRUE(r.converged()) << r.message;
  EXPECT_LT(r.parametric().objective_value, 0.8 * fit_of(points, LawKind::chinchilla).parametric().objective_value);
}

}  // namespace
}  // namespace scalelaw
