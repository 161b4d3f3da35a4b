#pragma once
// A known loss surface and a design of points on it, for the tests of comparisons.
#include <cmath>
#include <vector>

#include "law/optimum.hpp"
#include "sim/simulate.hpp"

namespace scalelaw {

/// A byte-level surface at tiny scale with the exponents given.
inline Law tiny_law(double alpha = 0.35, double beta = 0.30) {
  Law law = simulation_law(
      {.law = "chinchilla", .params = {{"E", 1.0}, {"A", 30}, {"B", 60}, {"alpha", alpha}, {"beta", beta}}});
  law.name = "tiny";
  return law;
}

/// 7 sizes x 6 token budgets, each 42 points of 1e4 .. 1e6 parameters and 1e6 .. 1e8 tokens; the runs of a size share a
/// trunk.
inline std::vector<Observation> tiny_points() {
  std::vector<Observation> points;
  for (int i = 0; i < 7; ++i) {
    for (int j = 0; j < 6; ++j) {
      Observation point;
      point.params = 1e4 * std::pow(100.0, i / 6.0);
      point.tokens = 1e6 * std::pow(100.0, j / 5.0);
      point.flops = 6 * point.params * point.tokens;
      point.loss_nats = 1;
      points.push_back(point);
    }
  }
  return points;
}

/// The same with the runs of a size in one group.
inline std::vector<Observation> tiny_trunks() {
  std::vector<Observation> points = tiny_points();
  for (Observation& point : points) point.group = fmt::format("size {:.0f}", point.params);
  return points;
}

/// 5 budgets a factor of 4 apart, each of 7 sizes a factor of 1.6 apart around tiny_law's optimum.
inline std::vector<Observation> tiny_isoflop() {
  std::vector<Observation> points;
  for (const double flops : {1e12, 4e12, 1.6e13, 6.4e13, 2.56e14}) {
    const double best = compute_optimal(tiny_law(), flops).scale.params;
    for (int i = -3; i <= 3; ++i) {
      Observation point;
      point.params = best * std::pow(1.6, i);
      point.tokens = flops / (6 * point.params);
      point.flops = point.budget = flops;
      point.loss_nats = 1;
      points.push_back(point);
    }
  }
  return points;
}

}  // namespace scalelaw
