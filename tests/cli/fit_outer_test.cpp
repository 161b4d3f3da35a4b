// What an outer power does to the quick study's own points, fitted and held out: computed beforehand with SciPy.
#include "program.hpp"

namespace scalelaw {
namespace {

struct Row {
  const char *law, *objective;
  double rms, a, offset, power;  // of all points; rms of ln loss in %
  double rms_held, bias_held;    // of the 1e12 budget, from the fit of the others, in %
};

TEST(FitOuter, TheQuickStudysPointsRejectThePowerOfOne) {
  const std::string points = SCALELAW_SOURCE_DIR "/tests/data/cases/quick_points.csv";
  for (const Row& row : {Row{"chinchilla", "log-mse", 0.559, 0.390, 1.270, 1, 1.31, 0.83},
                         Row{"outer", "log-mse", 0.214, 0.438, 0.613, 0.386, 0.39, 0.23},
                         Row{"chinchilla", "log-huber", 0.596, 0.379, 1.293, 1, 1.37, 0.98},
                         Row{"outer", "log-huber", 0.223, 0.440, 0.424, 0.333, 0.33, 0.18}}) {
    const std::string what = fmt::format("{} {}", row.law, row.objective);
    const auto fit = [&](const std::string& more) {
      return run_scalelaw(".", fmt::format("fit {} --law {} --objective {} --bootstrap 0 --json - {}", points, row.law,
                                           row.objective, more))
          .json();
    };
    const Json all = fit("");
    EXPECT_NEAR(100 * all.at("goodness").at("rms").get<double>(), row.rms, 5e-4) << what;
    EXPECT_NEAR(all.at("derived").at("a").get<double>(), row.a, 5e-4) << what;
    EXPECT_NEAR(all.at("params").at("E").get<double>(), row.offset, 5e-4) << what;
    if (row.power != 1) {
      EXPECT_NEAR(all.at("params").at("k").get<double>(), row.power, 5e-4) << what;
      EXPECT_LT(all.at("identifiability").at("k").at("profile_ci95").at(1).get<double>(), 0.5) << what;
    }
    const Json held = fit("--holdout-above 9e11").at("holdout");
    EXPECT_EQ(held.at("n"), 5) << what;
    EXPECT_NEAR(100 * held.at("rms_log_error").get<double>(), row.rms_held, 5e-3) << what;
    EXPECT_NEAR(100 * held.at("mean_log_error").get<double>(), row.bias_held, 5e-3) << what;
  }
}

}  // namespace
}  // namespace scalelaw
