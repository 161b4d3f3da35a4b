// Speed of the fitter on a synthetic study of 240 runs. One core; docs/METHODS.md, "Solver".
#include <benchmark/benchmark.h>

#include <cmath>

#include "core/rng.hpp"
#include "fit/bootstrap.hpp"
#include "fit/evaluate.hpp"
#include "fit/fit.hpp"
#include "fit/solve.hpp"
#include "fit/starts.hpp"
#include "law/published.hpp"

namespace scalelaw {
namespace {

std::vector<Observation> study() {
  const Law& law = published_law("besiroglu2024");
  Rng rng = make_rng(1, "bench");
  std::vector<Observation> points;
  for (int i = 0; i < 240; ++i) {
    Observation o;
    o.params = std::exp(std::log(5e7) + 6 * uniform01(rng));
    o.tokens = std::exp(std::log(5e8) + 6 * uniform01(rng));
    o.flops = 6 * o.params * o.tokens;
    o.loss_nats = predict_loss(law, law_point(o)) * std::exp(0.005 * standard_normal(rng));
    points.push_back(o);
  }
  return points;
}

void objective_gradient_hessian(benchmark::State& state) {
  const Problem p = make_problem(study(), LawKind::chinchilla, {}, {});
  const Vector theta = start_from(p, published_law("besiroglu2024").values);
  LocalModel at;
  for (auto _ : state) {
    evaluate(p, p.weights, 1e-3, true, std::span(theta.data(), p.free.size()), at);
    benchmark::DoNotOptimize(at.value);
  }
}
BENCHMARK(objective_gradient_hessian)->Unit(benchmark::kMicrosecond);

void variable_projection(benchmark::State& state) {
  const Problem p = make_problem(study(), LawKind::chinchilla, {}, {});
  for (auto _ : state) benchmark::DoNotOptimize(projection_starts(p));
}
BENCHMARK(variable_projection)->Unit(benchmark::kMillisecond);

void bootstrap_refit(benchmark::State& state) {
  const std::vector<Observation> points = study();
  const Problem p = make_problem(points, LawKind::chinchilla, {}, {});
  const Solution full = solve(p, p.weights, start_from(p, published_law("besiroglu2024").values), {});
  FitOptions options;
  options.bootstrap.replicates = 1000;
  options.threads = 1;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bootstrap_parametric(p, points, full, options));
  }
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(bootstrap_refit)->Unit(benchmark::kMillisecond);

void grid_of_4500_starts(benchmark::State& state) {
  const std::vector<Observation> points = study();
  for (auto _ : state) benchmark::DoNotOptimize(fit_points(points, {.starts = starts_named("grid"), .profile = false}));
}
BENCHMARK(grid_of_4500_starts)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace scalelaw

BENCHMARK_MAIN();
