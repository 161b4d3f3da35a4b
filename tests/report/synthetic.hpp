#pragma once
// Hand-made analyses and records from a known law, for the tests of the report.
#include <cmath>
#include <string>
#include <vector>

#include "analysis/analysis.hpp"
#include "core/rng.hpp"
#include "law/optimum.hpp"
#include "records/shape.hpp"

namespace scalelaw::test {

inline Law toy_law() {
  return {.kind = LawKind::chinchilla,
          .values = {1.2, 60.0, 90.0, 0.42, 0.38},
          .name = "toy",
          .source = "made up",
          .convention = {}};
}

inline ModelSpec toy_shape(std::int64_t width, std::int64_t layers) {
  ModelSpec m;
  m.d_model = width;
  m.n_layer = layers;
  m.d_head = 8;
  m.n_head = width / 8;
  m.d_ff = 4 * width;
  return m;
}

/// Records of 6 shapes at 4 budgets and 5 learning rates: loss = toy law * noise + 0.05 (ln lr / best)^2.
inline std::vector<RunRecord> toy_records(RunSource source = RunSource::trained, double noise = 0.003) {
  std::vector<RunRecord> out;
  const Law law = toy_law();
  for (const double budget : {1e10, 4e10, 1.6e11, 6.4e11}) {
    for (const auto& [width, layers] : {std::pair{16, 1}, {16, 3}, {24, 3}, {32, 3}, {40, 4}, {56, 4}}) {
      for (const double lr : {0.002, 0.004, 0.008, 0.016, 0.032}) {
        RunRecord r;
        r.source = source;
        r.spec.model = toy_shape(width, layers);
        r.spec.backend.kind = source == RunSource::simulated ? RunMaker::simulate : RunMaker::train;
        r.params = count_params(r.spec.model);
        const double n = static_cast<double>(r.params.total);
        r.spec.data.tokens = static_cast<std::int64_t>(std::llround(budget / (6 * n) / 64)) * 64;
        r.spec.data.batch_tokens = 64;
        r.spec.optimizer.lr = lr;
        r.tokens = r.spec.data.tokens;
        r.flops = count_flops(r.spec.model, r.tokens);
        r.id = run_id(r.spec);
        Rng rng = make_rng(7, r.id);
        const double miss = std::log(lr / (3.7 * std::pow(n, -0.55)));
        r.loss.nats = predict_loss(law, Scale{.params = n, .tokens = static_cast<double>(r.tokens)}) *
                          std::exp(noise * standard_normal(rng)) +
                      0.05 * miss * miss;
        r.loss.stderr_nats = 0.002;
        r.outcome.step = run_steps(r.spec);
        r.context.version = "0.1.0";
        r.context.device = "cpu";
        out.push_back(r);
      }
    }
  }
  return out;
}

/// Every part filled by hand from the toy law, with no call of a fitter.
inline Analysis toy_analysis() {
  Analysis a;
  a.study = "toy";
  a.records = toy_records();
  for (const auto& r : a.records) {
    if (std::abs(r.spec.optimizer.lr - 0.008) > 1e-9) continue;
    Observation o = *observe(r, {});
    o.loss_nats = predict_loss(toy_law(), o.scale());
    a.selection.observations.push_back(o);
    LrSweep sweep{.shape = shape_name(r.spec.model),
                  .params = o.params,
                  .tokens = o.tokens,
                  .points = {},
                  .best_lr = 0.009,
                  .best_loss_nats = o.loss_nats,
                  .status = o.params > 1e5 ? SweepStatus::edge_low : SweepStatus::interior};
    for (const auto& other : a.records) {
      if (other.tokens == r.tokens && shape_name(other.spec.model) == sweep.shape) {
        sweep.points.push_back({.lr = other.spec.optimizer.lr, .loss_nats = *other.loss.nats, .seeds = 1});
      }
    }
    a.selection.sweeps.push_back(sweep);
  }
  a.selection.excluded = {{"0123456789abcdef", "diverged at step 12"}};
  assign_budgets(a.selection.observations, {1e10, 4e10, 1.6e11, 6.4e11});
  FitResult& fit = a.parametric;
  fit.fitted = toy_law();
  fit.n = static_cast<std::int64_t>(a.selection.observations.size());
  fit.derived = {{"a", 0.475}, {"b", 0.525}};
  fit.convergence = {
      .status = FitStatus::converged, .gradient_norm = 1e-12, .starts = 100, .starts_at_best = 90, .condition = 1e3};
  fit.bootstrap.replicates = 60;
  fit.bootstrap.ci95 = {{"alpha", {0.40, 0.45}}, {"beta", {0.35, 0.41}}};
  fit.bootstrap.derived_ci95 = {{"a", {0.45, 0.50}}, {"b", {0.50, 0.55}}};
  std::get<ParametricFit>(fit.by_method).identifiability["E"] = {.profile_ci95 = {0.2, 1.9}, .identified = false};
  Rng rng = make_rng(3, "draws");
  for (int i = 0; i < 60; ++i) {
    std::vector<double> draw = toy_law().values;
    draw[3] += 0.012 * standard_normal(rng);
    draw[4] += 0.015 * standard_normal(rng);
    fit.bootstrap.draws.push_back(draw);
  }
  fit.flops_range = {1e10, 6.4e11};
  a.isoflop = fit;
  IsoflopFit& valleys = a.isoflop.by_method.emplace<IsoflopFit>();
  a.isoflop.bootstrap = {};
  for (const double c : {1e10, 4e10, 1.6e11, 6.4e11}) {
    const Optimum best = compute_optimal(toy_law(), c);
    IsoflopBudget b{.flops = c,
                    .points = 6,
                    .status = c > 5e11 ? BudgetStatus::edge_high : BudgetStatus::interior,
                    .params = best.scale.params,
                    .tokens = best.scale.tokens,
                    .loss_nats = best.loss_nats,
                    .sizes = {},
                    .plateau = {}};
    // A parabola through the minimum with the curvature of the law's valley.
    b.curvature = 0.05;
    b.linear = -2 * b.curvature * std::log(b.params);
    b.constant = b.loss_nats + b.curvature * std::log(b.params) * std::log(b.params);
    valleys.budgets.push_back(b);
  }
  a.conventions = {{{}, a.parametric, a.isoflop},
                   {{.params = ParamsCount::effective, .flops = FlopsCount::six_nd}, a.parametric, a.isoflop}};
  Allocation allocation{.law = "fit",
                        .given = {},
                        .params = 3e4,
                        .tokens = 5e6,
                        .flops = 9e11,
                        .tokens_per_param = 167,
                        .loss_nats = 2.1,
                        .ci95 = {{"params", {2e4, 4e4}}, {"tokens", {4e6, 6e6}}},
                        .extrapolation_factor = 1.4,
                        .outside = {},
                        .measured_below = {},
                        .shape = toy_shape(32, 3),
                        .shape_params = 53248};
  a.allocations = {allocation};
  Comparison comparison;
  comparison.first = "toy";
  comparison.second = "besiroglu2024";
  comparison.studies = 200;
  comparison.exponents.push_back({.name = "alpha",
                                  .first = 0.42,
                                  .second = 0.348,
                                  .first_ci95 = {0.40, 0.45},
                                  .second_ci95 = {0.33, 0.37},
                                  .difference = 0.072,
                                  .difference_ci95 = {0.04, 0.10},
                                  .difference_ci90 = {0.04, 0.10},
                                  .verdict = Verdict::different});
  comparison.exponents.push_back({.name = "beta",
                                  .first = 0.38,
                                  .second = 0.366,
                                  .first_ci95 = {0.35, 0.41},
                                  .second_ci95 = {0.34, 0.39},
                                  .difference = 0.014,
                                  .difference_ci95 = {-0.02, 0.04},
                                  .difference_ci90 = {-0.02, 0.04},
                                  .verdict = Verdict::equivalent});
  a.comparison = comparison;
  LossCurve curve{.run = a.records[0].id,
                  .shape = shape_name(a.records[0].spec.model),
                  .params = 9e3,
                  .tokens = 1e5,
                  .lr = 0.008,
                  .at_tokens = {},
                  .loss_nats = {}};
  for (int i = 1; i < 100; ++i) {
    curve.at_tokens.push_back(1000.0 * i);
    curve.loss_nats.push_back(2 + 3 / std::sqrt(i));
  }
  a.curves = {curve};
  return a;
}

}  // namespace scalelaw::test
