// The law with the outer power on many random studies: never above the law within it, and its constants have the
// objective that the fit says.
#include "fit/outer_fixtures.hpp"

namespace scalelaw {
namespace {

double objective_of(const Law& law, const std::vector<Observation>& points, const Objective& objective) {
  double sum = 0;
  for (const Observation& o : points) {
    const double loss = predict_loss(law, law_point(o)), delta = objective.delta;
    const double r = objective.kind == ObjectiveKind::mse ? loss - o.loss_nats : std::log(loss / o.loss_nats);
    const bool huber = objective.kind == ObjectiveKind::log_huber;
    sum += o.weight * (!huber ? r * r : std::abs(r) <= delta ? r * r / 2 : delta * (std::abs(r) - delta / 2));
  }
  return sum;
}

TEST(OuterSlow, IsNeverAboveChinchillaOnManyStudies) {
  constexpr std::array kKinds = {ObjectiveKind::log_huber, ObjectiveKind::log_mse, ObjectiveKind::mse};
  int compared = 0, above = 0, proven = 0, at_bound = 0;
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    const std::vector<Observation> points = test::random_outer_study(seed);
    const ObjectiveKind kind = kKinds[seed % kKinds.size()];
    const auto [outer, chinchilla] = test::outer_against(points, kind);
    if (outer.fitted.values.empty() || chinchilla.fitted.values.empty()) continue;
    ++compared;
    at_bound += outer.convergence.status == FitStatus::at_bound ? 1 : 0;
    proven += outer.converged() || outer.convergence.status == FitStatus::at_bound ? 1 : 0;
    const double ours = outer.parametric().objective_value, most = chinchilla.parametric().objective_value;
    EXPECT_NEAR(objective_of(outer.fitted, points, outer.parametric().objective), ours, 1e-9 * ours)
        << seed << " " << kind << ": k " << outer.fitted.value("k");
    above += ours > most * (1 + 1e-9) ? 1 : 0;
    EXPECT_LE(ours, most * (1 + 1e-9)) << seed << " " << kind << ": by " << ours / most - 1 << ", "
                                       << outer.convergence.status << ", k " << outer.fitted.value("k");
  }
  std::cout << fmt::format("{} studies: {} above chinchilla, {} at a proven minimum, {} of them at a bound\n", compared,
                           above, proven, at_bound);
  EXPECT_GE(compared, 1300);
  EXPECT_GE(proven, 0.97 * compared);
}

}  // namespace
}  // namespace scalelaw
