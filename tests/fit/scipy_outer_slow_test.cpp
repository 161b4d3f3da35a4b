// The law with the outer power against SciPy (scipy_outer.py) on published runs and on every case of tests/data/cases
// that has N, D and a loss. Skipped where Python has no SciPy.
#include "core/json.hpp"
#include "fit/cases.hpp"
#include "fit/fixtures.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "python.hpp"

namespace scalelaw {
namespace {

struct Study {
  std::string name;
  std::vector<Observation> points;
};

std::vector<Observation> lowest(std::vector<Observation> points, std::size_t count) {
  std::ranges::stable_sort(points, {}, &Observation::loss_nats);
  points.resize(count);
  return points;
}

std::vector<Study> studies() {
  std::vector<Study> out;
  const std::vector<Observation> besiroglu = read_observations(test::besiroglu_points());
  out.push_back({"besiroglu 245", besiroglu});
  out.push_back({"besiroglu 240", lowest(besiroglu, 240)});
  for (const char* name :
       {"quick_points", "checkpoints_of_runs", "kaplan_two_minima", "lr_sweep_known", "millions_billions",
        "min_steps_ignored", "mislabelled_series", "outlier", "plateau", "plateau_clean", "power_n_stalled", "recipe_a",
        "recipe_b", "slope_a", "slope_b", "two_minima_contaminated", "wide_grid"}) {
    out.push_back({name, test::case_points(std::string(name) + ".csv")});
  }
  out.push_back(
      {"quick study", read_observations(std::filesystem::path(SCALELAW_SOURCE_DIR) / "data/records/quick.csv")});
  const std::filesystem::path reference = test::reference_folder();
  if (!reference.empty()) {
    out.push_back({"gemstones", read_observations(reference / "gemstones_cool_end.csv")});
    out.push_back({"data-constrained", read_observations(reference / "data_constrained_muennighoff2023.csv")});
  }
  for (Study& study : out) {
    for (Observation& o : study.points) {
      o.weight = 1;
      o.unique_tokens.reset();
    }
  }
  return out;
}

constexpr double kSame = 1e-9;    // relative
constexpr double kExact = 1e-20;  // below it there is no misfit left to compare

TEST(ScipyOuter, TheSameLeastObjective) {
  const TempFolder folder;
  int compared = 0;
  for (const Study& study : studies()) {
    write_file_atomic(folder / "points.csv", observations_csv(study.points));
    for (const ObjectiveKind kind : {ObjectiveKind::log_mse, ObjectiveKind::log_huber, ObjectiveKind::mse}) {
      const FitResult ours = fit_points(
          study.points, {.law = LawKind::outer, .objective = {.kind = kind}, .profile = false, .goodness = false});
      if (ours.fitted.values.empty()) {
        std::cout << fmt::format("{}: {}\n", study.name, ours.message);
        break;
      }
      const ProgramResult result = run_program({test_python(), SCALELAW_SOURCE_DIR "/tests/fit/scipy_outer.py",
                                                (folder / "points.csv").string(), std::string(name_of(kind))},
                                               {.environment = {{"OPENBLAS_NUM_THREADS", "1"}}});
      if (result.code == 77 || result.code == 127) GTEST_SKIP() << test_python() << " is absent or has no SciPy";
      const Json theirs = result.json();
      const double best = theirs.at("objective").get<double>(), own = ours.parametric().objective_value;
      std::cout << fmt::format("{:24} {:9} {:.12g} k {:.4f}, SciPy {:+.1e} k {:.4f}, {}\n", study.name, kind, own,
                               ours.fitted.value("k"), best / own - 1, theirs.at("k").get<double>(),
                               ours.convergence.status);
      EXPECT_NEAR(own, best, kSame * best + kExact)
          << study.name << " " << kind << (own > best ? "" : ": SciPy's search is not good enough");
      ++compared;
    }
  }
  EXPECT_GE(compared, 45);
}

}  // namespace
}  // namespace scalelaw
