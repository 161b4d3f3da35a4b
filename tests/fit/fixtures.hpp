#pragma once
// Points for the tests of the fitter.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "fit/fit.hpp"
#include "law/optimum.hpp"

namespace scalelaw::test {

/// The points of Besiroglu et al. 2024, which are in this repository (tests/data/reference).
inline std::filesystem::path besiroglu_points() {
  return std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/reference/chinchilla_points_besiroglu2024.csv";
}

/// Folder of the other published observations, empty where it is absent.
inline std::filesystem::path reference_folder() {
  const char* given = std::getenv("SCALELAW_REFERENCE_DIR");
  const std::filesystem::path folder =
      given ? std::filesystem::path(given) : std::filesystem::path(SCALELAW_SOURCE_DIR) / ".." / "shared" / "reference";
  return std::filesystem::exists(folder / "gemstones_cool_end.csv") ? folder : std::filesystem::path();
}

#define SCALELAW_NEED_REFERENCE()                                             \
  const std::filesystem::path reference = scalelaw::test::reference_folder(); \
  if (reference.empty()) GTEST_SKIP() << "published observations absent: set SCALELAW_REFERENCE_DIR"

/// Losses of a law on an isoFLOP design of budgets x sizes around each budget's optimum; noise is the sd of ln loss.
inline std::vector<Observation> isoflop_design(const Law& law, const std::vector<double>& budgets, int sizes,
                                               double ratio, double noise, std::uint64_t seed) {
  std::vector<Observation> points;
  Rng rng = make_rng(seed, "design");
  for (const double flops : budgets) {
    const double center = compute_optimal(law, flops).scale.params;
    for (int i = 0; i < sizes; ++i) {
      Observation o;
      o.params = center * std::pow(ratio, (i - 0.5 * (sizes - 1)) / (0.5 * (sizes - 1)));
      o.tokens = flops / (6 * o.params);
      o.flops = flops;
      o.loss_nats = predict_loss(law, law_point(o)) * std::exp(noise * standard_normal(rng));
      points.push_back(o);
    }
  }
  return points;
}

/// A byte-level surface of the size at which this program trains.
inline Law tiny_law() {
  return {.kind = LawKind::chinchilla,
          .values = {1.0, 12.0, 30.0, 0.28, 0.24},
          .name = "tiny",
          .source = "",
          .convention = {}};
}

inline const std::vector<double> kTinyBudgets = {1e11, 1e12, 1e13, 1e14, 1e15};

}  // namespace scalelaw::test
