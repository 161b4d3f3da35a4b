// How often the interval that a fit prints unasked holds the truth, and how often clean data are spoken against: the
// tables of docs/METHODS.md.
#include <gtest/gtest.h>

#include "core/parallel.hpp"
#include "fit/fixtures.hpp"
#include "law/laws.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

/// sizes x token budgets, N 1e7 .. 1e9 and D 1e9 .. 1e11, losses of besiroglu2024 with noise.
std::vector<Observation> grid(int sizes, int budgets, double noise, std::uint64_t seed) {
  std::vector<Observation> points;
  Rng rng = make_rng(seed, "grid");
  for (int i = 0; i < sizes; ++i) {
    for (int j = 0; j < budgets; ++j) {
      Observation o;
      o.params = 1e7 * std::pow(100.0, i / (sizes - 1.0));
      o.tokens = 1e9 * std::pow(100.0, j / (budgets - 1.0));
      o.flops = 6 * o.params * o.tokens;
      o.loss_nats = predict_loss(published_law("besiroglu2024"), o.scale()) * std::exp(noise * standard_normal(rng));
      points.push_back(o);
    }
  }
  return points;
}

struct Held {
  int studies = 0, bootstrap = 0, profile = 0, partial = 0;
  double width = 0;
  [[nodiscard]] double share() const { return static_cast<double>(bootstrap) / studies; }
};

template <class Points>
Held held_in(int studies, double truth, const FitOptions& options, const Points& points) {
  std::vector<Held> each(static_cast<std::size_t>(studies));
  parallel_for(each.size(), 2, [&](std::size_t i) {
    FitOptions own = options;
    own.bootstrap.seed = i + 1;
    const FitResult r = fit_points(points(static_cast<std::uint64_t>(i + 1)), own);
    const auto inside = [&](const Interval& v) { return v.low <= truth && truth <= v.high ? 1 : 0; };
    if (!r.bootstrap.derived_ci95.contains("a")) return;
    const Interval ci = r.bootstrap.derived_ci95.at("a");
    each[i] = {.studies = 1, .bootstrap = inside(ci), .profile = 0, .partial = 0, .width = ci.high - ci.low};
    if (r.parametric().identifiability.contains("a"))
      each[i].profile = inside(r.parametric().identifiability.at("a").profile_ci95);
    if (r.bootstrap.partial + r.bootstrap.failed > 0) each[i].partial = 1;
  });
  Held sum;
  for (const Held& h : each) {
    sum.studies += h.studies, sum.bootstrap += h.bootstrap, sum.profile += h.profile, sum.partial += h.partial;
    sum.width += h.width / studies;
  }
  return sum;
}

TEST(DefaultInterval, HoldsTheTruthInSmallGridsWhoseNoiseIsIndependent) {
  const double truth = allocation_exponents(published_law("besiroglu2024"))->a;
  FitOptions options;
  options.goodness = false;
  options.profile = false;
  options.bootstrap = {.replicates = 200, .resample = Resample::parametric};
  for (const auto& design : {std::pair(3, 3), std::pair(3, 4), std::pair(4, 4), std::pair(5, 6)}) {
    const int sizes = design.first, budgets = design.second;
    for (const double noise : {0.003, 0.01, 0.03}) {
      const Held h =
          held_in(200, truth, options, [&](std::uint64_t seed) { return grid(sizes, budgets, noise, seed); });
      fmt::print("{} x {} noise {}: {} of {} held, width {:.3f}\n", sizes, budgets, noise, h.bootstrap, h.studies,
                 h.width);
      EXPECT_GE(h.studies, 190);
      EXPECT_GE(h.share(), 0.90) << sizes << " x " << budgets << " noise " << noise;
      EXPECT_LE(h.share(), 0.995) << sizes << " x " << budgets << " noise " << noise;
      if (noise != 0.01) continue;
      FitOptions shared = options;  // the runs of one N may share noise for all that these points say
      shared.bootstrap.resample = Resample::automatic;
      const Held wide =
          held_in(100, truth, shared, [&](std::uint64_t seed) { return grid(sizes, budgets, noise, seed); });
      EXPECT_GE(wide.share(), 0.95) << sizes << " x " << budgets;
      EXPECT_GT(wide.width, 1.2 * h.width) << sizes << " x " << budgets;
    }
  }
}

TEST(DefaultInterval, HoldsTheTruthInIsoflopStudies) {
  const Law law = test::tiny_law();
  FitOptions options{.method = Method::isoflop};
  options.goodness = false;
  options.bootstrap.replicates = 200;
  for (const int sizes : {5, 6, 7}) {
    for (const double noise : {0.002, 0.005, 0.01}) {
      const auto exact =
          fit_points(test::isoflop_design(law, test::kTinyBudgets, sizes, 4, 0, 1), options).derived.at("a");
      const Held h = held_in(300, exact, options, [&](std::uint64_t seed) {
        return test::isoflop_design(law, test::kTinyBudgets, sizes, 4, noise, seed);
      });
      fmt::print("5 budgets x {} noise {}: {} of {} held, width {:.3f}, {} with refits that lost a minimum\n", sizes,
                 noise, h.bootstrap, h.studies, h.width, h.partial);
      EXPECT_GE(h.share(), 0.90) << sizes << " noise " << noise;
      EXPECT_LE(h.share(), 0.995) << sizes << " noise " << noise;
    }
  }
}

TEST(Cautions, AreSaidOfOneCleanStudyInAHundred) {
  int studies = 0, outliers = 0, series = 0, forms = 0;
  for (const int sizes : {4, 6, 12}) {
    for (const double noise : {0.001, 0.01, 0.03}) {
      for (const ObjectiveKind objective : {ObjectiveKind::log_huber, ObjectiveKind::log_mse}) {
        for (std::uint64_t seed = 0; seed < 100; ++seed) {
          FitOptions options;
          options.profile = false;
          options.objective.kind = objective;
          const FitResult r = fit_points(grid(sizes, 5, noise, 7000 + seed), options);
          ++studies;
          if (r.parametric().goodness.outliers > 0) ++outliers;
          if (r.parametric().goodness.series_stands_out) ++series;
          if (r.parametric().goodness.lack_of_fit && r.parametric().goodness.lack_of_fit->p < kGoodnessLevel) ++forms;
        }
      }
    }
  }
  fmt::print("{} studies: outliers {}, series {}, forms {}\n", studies, outliers, series, forms);
  EXPECT_LE(outliers, studies * 2 / 100);
  EXPECT_LE(series, studies * 2 / 100);
  EXPECT_LE(forms, studies * 2 / 100);
}

}  // namespace
}  // namespace scalelaw
