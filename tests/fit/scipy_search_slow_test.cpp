// Never above the least objective that a wide search finds (scipy_search.py): every law on random studies, many of them
// contaminated. Skipped where Python has no SciPy. SCALELAW_SEARCH_STUDIES: how many a law (default 3);
// SCALELAW_SEARCH_FOLDER: a folder that scipy_search.py has written before.
#include <cstdlib>

#include "core/json.hpp"
#include "fit/fixtures.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "python.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

const std::vector<std::string> kSearched = {"chinchilla",   "kaplan",       "power-n",          "power-d",
                                            "power-c",      "kaplan-steps", "data-constrained", "data-overfitting",
                                            "overtraining", "outer",        "farseer"};

// Objectives up to 1 agree to 1e-9, larger ones to a part in a million.
double allowed(double best) { return best > 1 ? 1e-6 * best : 1e-9; }

TEST(ScipySearch, NothingLowerIsFoundForAnyLaw) {
  const TempFolder own;
  std::filesystem::path folder = own.path();
  if (const char* given = std::getenv("SCALELAW_SEARCH_FOLDER")) {
    folder = given;
  } else {
    const char* count = std::getenv("SCALELAW_SEARCH_STUDIES");
    const ProgramResult result = run_program({test_python(), SCALELAW_SOURCE_DIR "/tests/fit/scipy_search.py",
                                              folder.string(), count != nullptr ? count : "3"});
    if (result.code == 77 || result.code == 127) GTEST_SKIP() << test_python() << " is absent or has no SciPy";
    ASSERT_EQ(result.code, 0) << result.err;
  }
  const std::map<std::string, ObjectiveKind> kinds = {
      {"log-huber", ObjectiveKind::log_huber}, {"log-mse", ObjectiveKind::log_mse}, {"mse", ObjectiveKind::mse}};
  for (const std::string& law : kSearched) {
    if (!std::filesystem::exists(folder / (law + ".json"))) continue;
    int studies = 0, lower = 0, finished = 0;
    for (const Json& study : read_json_file(folder / (law + ".json"))) {
      const std::filesystem::path file = folder / study.at("file").get<std::string>();
      FitOptions options{.law = law_kind(law),
                         .objective = {.kind = kinds.at(study.at("objective").get<std::string>())},
                         .offset = study.at("offset").get<bool>(),
                         .profile = false};
      std::vector<Observation> points = read_observations(file);
      const FitResult ours = fit_points(points, options);
      const double best = study.at("best").get<double>();
      if (ours.convergence.status == FitStatus::too_few_points || ours.convergence.status == FitStatus::design)
        continue;
      ++studies;
      finished += ours.converged() || ours.convergence.status == FitStatus::at_bound ? 1 : 0;
      lower += ours.parametric().objective_value < best - allowed(best) ? 1 : 0;
      EXPECT_LE(ours.parametric().objective_value, best + allowed(best))
          << file << " " << study.at("objective") << (options.offset ? " with offset" : "") << ": "
          << ours.convergence.status << ", " << ours.convergence.minima_found << " minima";
    }
    std::cout << fmt::format("{}: {} studies, {} at a proven minimum, the wide search higher in {}\n", law, studies,
                             finished, lower);
    EXPECT_GT(studies, 0) << law;
    // A power law with offset may end in a valley so flat that its minimum stays unproven, as one study of 31 does.
    EXPECT_GE(finished, 0.95 * studies - 1) << law;
  }
}

}  // namespace
}  // namespace scalelaw
