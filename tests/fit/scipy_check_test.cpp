// The same optimum as SciPy's on random studies. Skipped where Python has no SciPy.
#include "core/json.hpp"
#include "fit/fixtures.hpp"
#include "law/published.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "python.hpp"

namespace scalelaw {
namespace {

/// What scipy_check.py prints; none where Python or SciPy is absent.
std::optional<Json> scipy(const TempFolder& folder, const std::vector<Observation>& points, const char* objective,
                          const std::vector<double>& v) {
  write_file_atomic(folder / "points.csv", observations_csv(points));
  const ProgramResult result = run_program(
      {test_python(), SCALELAW_SOURCE_DIR "/tests/fit/scipy_check.py", (folder / "points.csv").string(), objective,
       fmt::format("{},{},{},{},{}", std::log(v[0]), std::log(v[1]), std::log(v[2]), v[3], v[4])},
      {.environment = {{"OPENBLAS_NUM_THREADS", "1"}}});
  if (result.code == 77 || result.code == 127) return std::nullopt;
  return result.json();
}

// A random law of the size of published ones, and runs around its optima with noise.
std::vector<Observation> random_study(std::uint64_t seed, Law& law) {
  Rng rng = make_rng(seed, "scipy");
  const auto between = [&](double low, double high) { return low + (high - low) * uniform01(rng); };
  law = test::tiny_law();
  law.values = {between(0.8, 2), 0, 0, between(0.2, 0.5), between(0.2, 0.5)};
  law.values[1] = between(0.5, 3) * std::pow(1e6, law.values[3]);
  law.values[2] = between(0.5, 3) * std::pow(1e8, law.values[4]);
  return test::isoflop_design(law, {1e13, 1e14, 1e15, 1e16, 1e17}, 9, 16, 0.003 + 0.007 * uniform01(rng), seed);
}

TEST(Scipy, FindsTheSameOptimum) {
  const TempFolder folder;
  for (const char* objective : {"log-huber", "log-mse", "mse"}) {
    for (std::uint64_t seed = 1; seed <= 2; ++seed) {
      Law law;
      const std::vector<Observation> points = random_study(seed, law);
      const std::optional<Json> answer = scipy(folder, points, objective, law.values);
      if (!answer) GTEST_SKIP() << test_python() << " is absent or has no SciPy";
      const Json& theirs = *answer;
      const std::map<std::string, ObjectiveKind> kinds = {
          {"log-huber", ObjectiveKind::log_huber}, {"log-mse", ObjectiveKind::log_mse}, {"mse", ObjectiveKind::mse}};
      const FitResult ours = fit_points(points, {.objective = {.kind = kinds.at(objective)}, .profile = false});
      ASSERT_TRUE(ours.converged()) << ours.message;
      const double best = theirs.at("objective").get<double>();
      EXPECT_LE(ours.parametric().objective_value, best * (1 + 1e-10)) << objective << " seed " << seed;
      EXPECT_NEAR(ours.parametric().objective_value / best, 1, 1e-6) << objective << " seed " << seed;
      // The objective is flat at its minimum: half its digits are those of the constants.
      for (const char* name : {"E", "A", "B", "alpha", "beta"}) {
        EXPECT_NEAR(ours.fitted.value(name) / theirs.at(name).get<double>(), 1, 2e-3)
            << objective << " seed " << seed << " " << name;
      }
    }
  }
}

// What the fitter exists to avoid: a mean objective, default tolerances, and "success" where the search began.
TEST(Scipy, StopsWhereItBeginsOnTheMean) {
  std::vector<Observation> points = read_observations(test::besiroglu_points());
  std::ranges::sort(points, {}, &Observation::loss_nats);
  points.resize(240);
  const TempFolder folder;
  const std::optional<Json> answer = scipy(folder, points, "mean", published_law("hoffmann2022").values);
  if (!answer) GTEST_SKIP() << test_python() << " is absent or has no SciPy";
  EXPECT_TRUE(answer->at("success").get<bool>());
  EXPECT_NEAR(answer->at("a").get<double>(), 0.456, 1e-3);
  EXPECT_NEAR(fit_points(points, {.profile = false}).derived.at("a"), 0.514, 5e-4);
}

}  // namespace
}  // namespace scalelaw
