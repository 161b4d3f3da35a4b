// A simulation that names files: fits and anchors.
#include "sim/resolve.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json.hpp"
#include "error_of.hpp"
#include "law/published.hpp"
#include "os/files.hpp"
#include "records/observation.hpp"
#include "sim/simulate.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

Json fit_json(const std::string& status = "converged") {
  return {{"schema", "scalelaw.fit/1"},
          {"law", "chinchilla"},
          {"params", {{"E", 1.5}, {"A", 40}, {"B", 90}, {"alpha", 0.4}, {"beta", 0.3}}},
          {"convention", {{"params", "non_embedding"}, {"flops", "6nd"}}},
          {"convergence", {{"status", status}}}};
}

std::vector<Observation> tiny_grid() {
  std::vector<Observation> points;
  for (const double params : {1e4, 4e4, 1.6e5}) {
    for (const double tokens : {1e6, 8e6, 6.4e7}) {
      Observation point;
      point.params = params;
      point.tokens = tokens;
      point.flops = 6 * params * tokens;
      points.push_back(point);
    }
  }
  return points;
}

class Resolve : public testing::Test {
 protected:
  TempFolder folder_;
};

TEST_F(Resolve, WithoutFilesNothingChanges) {
  const SimulationSpec plain{.law = "kaplan2020-joint", .noise = 0.5};
  EXPECT_EQ(to_json_fields(resolve_simulation(plain, folder_.path())), to_json_fields(plain));
}

TEST_F(Resolve, AFitGivesItsKindConstantsAndConvention) {
  write_json_file(folder_ / "fit.json", fit_json());
  const SimulationSpec resolved =
      resolve_simulation({.law = "fit.json", .params = {{"E", 1.25}}, .noise = 0.5}, folder_.path());
  const Law law = simulation_law(resolved);
  EXPECT_EQ(law.kind, LawKind::chinchilla);
  EXPECT_EQ(law.values, (std::vector<double>{1.25, 40, 90, 0.4, 0.3}));  // what the config gives goes first
  EXPECT_EQ(law.convention.params, ParamsCount::non_embedding);
  EXPECT_EQ(resolved.noise, 0.5);
  EXPECT_EQ(to_json_fields(resolved).at("convention"), "non_embedding");
  EXPECT_EQ(to_json_fields(SimulationSpec{}).at("convention"), "");
}

TEST_F(Resolve, APowerLawWithoutOffsetHasNone) {
  write_json_file(folder_ / "fit.json", {{"schema", "scalelaw.fit/1"},
                                         {"law", "power-n"},
                                         {"params", {{"X", 1e9}, {"alpha", 0.1}}},
                                         {"convergence", {{"status", "converged"}}}});
  const Law law = simulation_law(resolve_simulation({.law = "fit.json"}, folder_.path()));
  EXPECT_EQ(law.value("E"), 0);
  EXPECT_EQ(law.convention.params, ParamsCount::total);
}

TEST_F(Resolve, WrongFitsAreNamed) {
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)resolve_simulation({.law = "none.json"}, folder_.path()); }),
              HasSubstr("none.json: no such file"));
  write_json_file(folder_ / "other.json", {{"schema", "scalelaw.run/1"}});
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)resolve_simulation({.law = "other.json"}, folder_.path()); }),
              HasSubstr("is not a fit"));
  write_json_file(folder_ / "stalled.json", fit_json("stalled"));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)resolve_simulation({.law = "stalled.json"}, folder_.path()); }),
              HasSubstr("stalled"));
  Json counted = fit_json("converged");
  counted["convention"]["params"] = "some";
  write_json_file(folder_ / "counted.json", counted);
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)resolve_simulation({.law = "counted.json"}, folder_.path()); }),
              HasSubstr("counts N as 'some'; what counts as N is one of total, non_embedding, effective"));
}

TEST_F(Resolve, AnAnchorKeepsExponentsAndRefitsAmplitudes) {
  const Law truth = simulation_law(
      {.law = "chinchilla", .params = {{"E", 1}, {"A", 30}, {"B", 60}, {"alpha", 0.3478}, {"beta", 0.3658}}});
  write_file_atomic(folder_ / "records.csv", observations_csv(simulate_points(tiny_grid(), truth, {}, 1, 0)));
  for (const char* anchor : {"records.csv", "."}) {  // a file, or a study that holds it
    const SimulationSpec resolved = resolve_simulation({.anchor = anchor}, folder_.path());
    EXPECT_EQ(resolved.anchored, fmt::format("9 points of {}", anchor));
    EXPECT_EQ(resolved.anchor, "");
    EXPECT_EQ(resolved.params.at("alpha"), 0.3478);
    EXPECT_EQ(resolved.params.at("beta"), 0.3658);
    EXPECT_NEAR(resolved.params.at("E"), 1, 1e-5);
    EXPECT_NEAR(resolved.params.at("A"), 30, 1e-3);
    EXPECT_NEAR(resolved.params.at("B"), 60, 1e-3);
    EXPECT_EQ(simulation_law(resolved).name, "besiroglu2024 (amplitudes refitted)");
    EXPECT_EQ(to_json_fields(resolve_simulation(resolved, folder_.path())), to_json_fields(resolved));
  }
}

TEST_F(Resolve, AnchorsThatCannotBeUsedAreNamed) {
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)resolve_simulation({.anchor = "no.csv"}, folder_.path()); }),
              HasSubstr("no.csv: no such file"));
  auto points = simulate_points(tiny_grid(), published_law("besiroglu2024"), {}, 1, 0);
  points.resize(2);
  write_file_atomic(folder_ / "few.csv", observations_csv(points));
  EXPECT_THAT(error_of(ExitCode::data, [&] { (void)resolve_simulation({.anchor = "few.csv"}, folder_.path()); }),
              HasSubstr("do not determine"));
}

}  // namespace
}  // namespace scalelaw
