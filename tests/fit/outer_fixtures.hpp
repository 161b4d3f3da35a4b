#pragma once
// Studies for the tests of the law E + (A/N^alpha + B/D^beta)^k.
#include "fit/fixtures.hpp"

namespace scalelaw::test {

/// Losses above E of 1.1 N-alone and 1.3 D-alone at N = 3e6, D = 2e8, falling with 0.3 and 0.36, added under the power.
inline Law outer_law(double power, double offset = 0.9) {
  const double alpha = 0.3 / power, beta = 0.36 / power;
  return {.kind = LawKind::outer,
          .values = {offset, std::exp(std::log(1.1) / power + alpha * std::log(3e6)),
                     std::exp(std::log(1.3) / power + beta * std::log(2e8)), alpha, beta, power},
          .name = "outer",
          .source = "",
          .convention = {}};
}

/// Runs of a random law (chinchilla, outer or kaplan) on a random design (a grid, isoFLOP valleys, or anywhere), with
/// noise, in half of them with runs that went wrong, and with weights, some of them 0, in a third.
inline std::vector<Observation> random_outer_study(std::uint64_t seed) {
  Rng rng = make_rng(seed, "outer study");
  const auto between = [&](double low, double high) { return low + (high - low) * uniform01(rng); };
  const auto count = [&](int low, int high) {
    return low + static_cast<int>(uniform_below(rng, static_cast<std::uint64_t>(high - low + 1)));
  };
  const double low_n = std::pow(10, between(4, 8)), low_d = std::pow(10, between(6, 10));
  std::vector<std::pair<double, double>> places;
  const int design = count(0, 2), rows = count(3, 7), columns = count(4, 8);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      const double along = std::pow(10, 3.0 * i / (rows - 1)), across = std::pow(10, 2.0 * j / (columns - 1));
      if (design == 0) places.emplace_back(low_n * along, low_d * across);
      if (design == 1)
        places.emplace_back(low_n * std::sqrt(along) * across / 10, low_d * std::sqrt(along) * 10 / across);
      if (design == 2) places.emplace_back(low_n * std::pow(10, between(0, 3)), low_d * std::pow(10, between(0, 3)));
    }
  }
  const int kind = count(0, 2);
  const double power = kind == 0 ? 1 : kind == 1 ? between(0.15, 2) : between(0.05, 0.4);
  const double offset = kind == 2 ? 0 : between(0.2, 2), fall_n = between(0.1, 0.6),
               fall_d = kind == 2 ? power : between(0.1, 0.6);
  const double of_n = between(0.1, 2), of_d = between(0.1, 2), noise = std::pow(10, between(-3, -1.5));
  const bool wrong = uniform01(rng) < 0.5, weighted = uniform01(rng) < 0.33;
  std::vector<Observation> points;
  for (const auto& [n, d] : places) {
    Observation o;
    o.params = n;
    o.tokens = d;
    o.flops = 6 * n * d;
    const double p = of_n * std::pow(n / (10 * low_n), -fall_n), q = of_d * std::pow(d / (10 * low_d), -fall_d);
    o.loss_nats = offset + std::pow(std::pow(p, 1 / power) + std::pow(q, 1 / power), power);
    o.loss_nats *= std::exp(noise * standard_normal(rng));
    if (wrong && uniform01(rng) < 0.15) o.loss_nats *= std::exp(between(-0.1, 0.4));
    if (weighted) o.weight = static_cast<double>(uniform_below(rng, 4));
    points.push_back(o);
  }
  return points;
}

/// The objective of an unfixed outer fit, that of chinchilla, and whether both are at a proven minimum.
struct OuterAgainst {
  FitResult outer, chinchilla;
};
inline OuterAgainst outer_against(const std::vector<Observation>& points, ObjectiveKind kind) {
  FitOptions options{.law = LawKind::outer, .objective = {.kind = kind}, .profile = false};
  OuterAgainst out{.outer = fit_points(points, options), .chinchilla = {}};
  options.law = LawKind::chinchilla;
  out.chinchilla = fit_points(points, options);
  return out;
}

}  // namespace scalelaw::test
