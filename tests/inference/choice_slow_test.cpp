// The default interval under the noise that studies have, and what the choice of law does: the table of
// docs/METHODS.md, "Intervals", at the points of the quick study.
#include <gtest/gtest.h>

#include "design/config.hpp"
#include "design/plan.hpp"
#include "inference/coverage.hpp"

namespace scalelaw {
namespace {

struct World {
  const char* name;
  Law law;
};
/// Fitted to the quick study's 29 points of the first model family, log-mse.
std::vector<World> worlds() {
  return {{"k = 1",
           {.kind = LawKind::chinchilla,
            .values = {1.270142, 131.9822, 53.10446, 0.6179826, 0.3945003},
            .name = "one",
            .source = "",
            .convention = {}}},
          {"k = 0.386",
           {.kind = LawKind::outer,
            .values = {0.612671, 310.146, 342.726, 0.588136, 0.45845, 0.386294},
            .name = "outer",
            .source = "",
            .convention = {}}}};
}

struct Scenario {
  const char* name;
  PointNoise noise;
  bool tuned = false;
};
std::vector<Scenario> scenarios() {
  return {{"independent", {.sd = 0.0024}},
          {"trunk 0.8", {.sd = 0.0024, .group_share = 0.8}},
          {"shape 0.8", {.sd = 0.0024, .group_share = 0.8, .shared_by = SharedBy::shape}},
          {"heteroscedastic", {.sd = 0.0024, .exponent = 3.8, .at_nats = 1.7}},
          {"tuned", {.sd = 0.0024, .group_share = 0.5}, true}};
}

TEST(DefaultInterval, CoversUnderEveryNoiseInBothWorldsAndTheChoiceKeepsToItsRates) {
  const StudyConfig config = read_study_config(std::filesystem::path(SCALELAW_SOURCE_DIR) / "configs/quick.toml", {});
  const Plan plan = make_plan(config, nullptr);
  for (const World& world : worlds()) {
    SimulationSpec simulation = config.simulation;
    simulation.law = world.law.form().name;
    for (std::size_t i = 0; i < world.law.values.size(); ++i) {
      simulation.params[world.law.form().parameters[i]] = world.law.values[i];
    }
    for (const Scenario& scenario : scenarios()) {
      SCOPED_TRACE(fmt::format("{}, {}", world.name, scenario.name));
      simulation.noise = scenario.noise.sd;
      simulation.noise_trunk_share = scenario.tuned ? scenario.noise.group_share : 0;
      const auto points = tuned_design_points(plan.runs, simulation, {}, config.design.lr_extend);
      CoverageOptions options;
      options.fit.bootstrap = {.replicates = 120};
      options.fit.threads = 2;
      options.laws = {LawKind::chinchilla, LawKind::outer};
      options.noise = scenario.noise;
      options.studies = 120;
      if (scenario.tuned) {
        options.tuned = TunedDesign{.runs = plan.runs, .simulation = simulation, .lr_extend = config.design.lr_extend};
      }
      const Coverage c = coverage(points, world.law, options);
      ASSERT_EQ(c.quantities.size(), 7U);
      for (const QuantityCoverage& q : c.quantities) {
        EXPECT_GE(q.covered95, 0.90) << q.name;  // 0.92 or more of 400 studies; the standard error of 120 is 2.0 %
        RecordProperty(fmt::format("{}|{}|{}", world.name, scenario.name, q.name), fmt::format("{:.3f}", q.covered95));
      }
      const double outer =
          static_cast<double>(c.answered.contains(LawKind::outer) ? c.answered.at(LawKind::outer) : 0) /
          static_cast<double>(c.studies);
      if (world.law.kind == LawKind::chinchilla) {
        EXPECT_LE(outer, 0.11);  // at most 0.07 of 400 studies; the standard error of 120 is 2.2 %
      } else {
        EXPECT_GE(outer, 0.97);
      }
    }
  }
}

}  // namespace
}  // namespace scalelaw
