#include "inference/coverage.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "core/stats.hpp"
#include "fit/choice.hpp"
#include "fit/draws.hpp"
#include "inference/compare.hpp"
#include "inference/exponents.hpp"
#include "law/optimum.hpp"
#include "records/shape.hpp"
#include "select/select.hpp"

namespace scalelaw::inline inference {
namespace {

constexpr std::int64_t kFewestRefits = 40;  // the 2.5 % quantile of fewer lies at their very end

struct Estimate {
  double value = 0;
  Interval ci80, ci95;
};

/// What one study says.
struct Study {
  bool converged = false;
  LawKind law = LawKind::chinchilla;
  std::int64_t refits_failed = 0;
  std::map<std::string, Estimate> estimates;
};

/// Where laws are asked: a compute, and what the true law says is optimal for it and for ten times as much.
struct Asked {
  double flops = 0;
  std::optional<Scale> best = {}, best_10 = {};
};

Asked asked_of(const Law& truth, double flops) {
  Asked asked{.flops = flops};
  if (truth.form().optimal_params == nullptr) return asked;
  asked.best = compute_optimal(truth, flops).scale;
  asked.best_10 = compute_optimal(truth, 10 * flops).scale;
  return asked;
}

/// What a law says there, whatever its constants are; empty for a law without an optimum.
std::map<std::string, double> answers_of(const Law& law, const Asked& asked) {
  if (!asked.best || law.form().optimal_params == nullptr) return {};
  const Optimum at = compute_optimal(law, asked.flops), at_10 = compute_optimal(law, 10 * asked.flops);
  std::map<std::string, double> out = {{"ln_params_optimal", std::log(at.scale.params)},
                                       {"ln_params_optimal_10", std::log(at_10.scale.params)}};
  if (law.form().predicts_size) return out;
  out["loss_optimal"] = at.loss_nats;
  out["loss_optimal_10"] = at_10.loss_nats;
  out["loss_predicted"] = predict_loss(law, *asked.best);
  out["loss_predicted_10"] = predict_loss(law, *asked.best_10);
  return out;
}

/// The exponents that intervals are counted of. Where studies choose their law, its own constants mean different
/// things from study to study.
std::map<std::string, double> counted_exponents(std::map<std::string, double> exponents, bool chosen) {
  exponents.erase("b");  // 1 - a for every law that has both
  exponents.erase("frontier");
  if (chosen) std::erase_if(exponents, [](const auto& item) { return item.first != "a"; });
  return exponents;
}

Study study_of(const FitResult& fit, const Asked& asked, bool chosen) {
  Study study;
  const BootstrapResult& b = fit.bootstrap;
  study.law = fit.law;
  study.refits_failed = b.failed;
  study.converged = fit.answers() && b.draws.size() >= static_cast<std::size_t>(kFewestRefits);
  if (!study.converged) return study;
  for (const auto& [name, value] : counted_exponents(exponents_of(fit), chosen)) {
    const bool own = b.ci95.contains(name);
    if (!own && !b.derived_ci95.contains(name)) continue;
    study.estimates[name] = {.value = value,
                             .ci80 = (own ? b.ci80 : b.derived_ci80).at(name),
                             .ci95 = (own ? b.ci95 : b.derived_ci95).at(name)};
  }
  std::map<std::string, std::vector<double>> draws;
  Law law = fit.fitted;
  for (const std::vector<double>& draw : b.draws) {
    law.values = draw;
    for (const auto& [name, value] : answers_of(law, asked)) draws[name].push_back(value);
  }
  const double tail80 = interval_tail(fit, 0.80), tail95 = interval_tail(fit, 0.95);
  for (const auto& [name, value] : answers_of(fit.fitted, asked)) {
    study.estimates[name] = {
        .value = value, .ci80 = draws_interval(draws[name], tail80), .ci95 = draws_interval(draws[name], tail95)};
  }
  return study;
}

QuantityCoverage summary(const std::string& name, double truth, const std::vector<Study>& studies) {
  QuantityCoverage q{.name = name, .truth = truth};
  std::vector<double> values, widths80, widths95;
  double held80 = 0, held95 = 0;
  const auto holds = [&](const Interval& i) { return i.low <= truth && truth <= i.high ? 1.0 : 0.0; };
  for (const Study& study : studies) {
    if (!study.converged) continue;
    const Estimate& e = study.estimates.at(name);
    values.push_back(e.value);
    widths80.push_back(e.ci80.high - e.ci80.low);
    widths95.push_back(e.ci95.high - e.ci95.low);
    held80 += holds(e.ci80);
    held95 += holds(e.ci95);
  }
  const auto n = static_cast<double>(values.size());
  q.mean = mean(values);
  q.bias = q.mean - truth;
  q.sd = standard_deviation(values);
  q.width80 = quantile(widths80, 0.5);
  q.width95 = quantile(widths95, 0.5);
  q.covered80 = held80 / n;
  q.covered95 = held95 / n;
  return q;
}

void check_options(const Law& law, const CoverageOptions& options) {
  if (law.form().predicts_size) {
    fail_config("coverage: the law '{}' gives the optimal size, not a loss, so it cannot be simulated", law.name);
  }
  if (options.studies < 2) fail_config("coverage: --studies is {}; it must be at least 2", options.studies);
  if (options.fit.bootstrap.replicates < kFewestRefits) {
    fail_config("coverage: --bootstrap is {}; an interval of 95 % needs at least {} refits",
                options.fit.bootstrap.replicates, kFewestRefits);
  }
  if (!(options.noise.sd >= 0) || !std::isfinite(options.noise.sd)) {
    fail_config("coverage: --noise is {}; it must be at least 0", options.noise.sd);
  }
  if (!(options.noise.group_share >= 0 && options.noise.group_share <= 1)) {
    fail_config("coverage: --group-share is {}; it must be between 0 and 1", options.noise.group_share);
  }
}

std::int64_t independent_units(const std::vector<Observation>& points) {
  std::set<std::string> groups;
  std::int64_t alone = 0;
  for (const Observation& point : points) {
    if (point.group.empty()) {
      ++alone;
    } else {
      groups.insert(point.group);
    }
  }
  return alone + std::ssize(groups);
}

/// What replicates of a study would show.
NoiseModel noise_from_seeds(const CoverageOptions& options, std::uint64_t study) {
  Rng rng = make_rng(options.seed, "coverage seeds", study);
  double squares = 0;
  for (std::int64_t k = 0; k < options.seed_freedom; ++k) squares += std::pow(standard_normal(rng), 2);
  return {.sd = options.noise.sd * std::sqrt(squares / static_cast<double>(options.seed_freedom)),
          .at_loss = options.noise.at_nats,
          .slope = options.noise.exponent,
          .freedom = options.seed_freedom};
}

}  // namespace

double Coverage::share_se(double p) const {
  return std::sqrt(p * (1 - p) / static_cast<double>(std::max<std::int64_t>(studies, 1)));
}

std::vector<Observation> design_points(const std::vector<PlannedRun>& runs, const Convention& convention) {
  std::vector<Observation> points;
  std::set<std::pair<std::string, std::int64_t>> known;
  for (const PlannedRun& run : runs) {
    const std::string shape = shape_name(run.spec.model);
    if (!known.emplace(shape, run.spec.data.tokens).second) continue;
    RunRecord record;
    record.params = count_params(run.spec.model);
    record.tokens = run.spec.data.tokens;
    record.flops = count_flops(run.spec.model, record.tokens);
    Observation point;
    point.params = params_of(record, convention);
    point.tokens = static_cast<double>(record.tokens);
    point.flops = flops_of(record, convention);
    point.loss_nats = 1;
    point.shape = shape;
    point.budget = run.budget_flops;
    if (!trunk_id(run.spec).empty()) point.group = shape;
    points.push_back(point);
  }
  return points;
}

namespace {

/// The tuned points of a design, all its runs simulated.
/// @param study added to the seeds of the runs, so that studies differ
std::vector<Observation> tuned_points(const TunedDesign& design, const Convention& convention, std::int64_t study) {
  // Steps of 2 from several rates meet, but for their rounding.
  const auto step_of = [](double lr) { return std::lround(std::log2(lr) * 50); };
  std::set<std::tuple<std::string, std::int64_t, std::int64_t, std::int64_t>> known;
  std::vector<RunRecord> all;
  for (const PlannedRun& run : design.runs) {
    for (std::int64_t step = -design.lr_extend; step <= design.lr_extend; ++step) {
      RunSpec spec = as_simulated(run.spec, design.simulation);
      spec.seed += study;
      spec.optimizer.lr = rounded_rate(spec.optimizer.lr * std::exp2(static_cast<double>(step)));
      const auto key = std::tuple(shape_name(spec.model), spec.data.tokens, spec.seed, step_of(spec.optimizer.lr));
      if (known.insert(key).second) all.push_back(simulate(spec));
    }
  }
  return select_observations(all, {.convention = convention, .min_steps = 0}).observations;
}

}  // namespace

std::vector<Observation> tuned_design_points(const std::vector<PlannedRun>& runs, const SimulationSpec& simulation,
                                             const Convention& convention, std::int64_t lr_extend) {
  const std::vector<Observation> tuned_points_of_design =
      tuned_points({.runs = runs, .simulation = simulation, .lr_extend = lr_extend}, convention, 0);
  std::vector<Observation> points = design_points(runs, convention);
  for (Observation& point : points) {
    for (const Observation& tuned : tuned_points_of_design) {
      if (tuned.shape == point.shape && tuned.tokens == point.tokens) point.group = tuned.group;
    }
  }
  return points;
}

Coverage coverage(const std::vector<Observation>& points, const Law& law, const CoverageOptions& options) {
  check_options(law, options);
  Coverage c;
  c.law = law.name;
  c.options = options;
  c.points = std::ssize(points);
  c.groups = independent_units(points);
  for (const Observation& point : points) c.flops = std::max(c.flops, point.flops);
  if (law.convention.params != options.fit.convention.params) {
    c.notes.push_back(fmt::format("{} counts N as {}; its constants are applied to N counted as {} here", law.name,
                                  law.convention.params, options.fit.convention.params));
  }
  FitOptions fit_options = options.fit;
  fit_options.profile = fit_options.goodness = false;
  fit_options.holdout_above.reset();
  fit_options.hold.clear();
  fit_options.rollout.reset();
  fit_options.threads = 1;
  const Asked asked = asked_of(law, c.flops);
  std::vector<Study> studies(static_cast<std::size_t>(options.studies));
  parallel_for(studies.size(), options.fit.threads, [&](std::size_t i) {
    FitOptions own = fit_options;
    own.bootstrap.seed = stream_seed(options.seed, "coverage bootstrap", i);
    if (options.seed_freedom > 0) own.noise = noise_from_seeds(options, i);
    const std::vector<Observation> observed =
        options.tuned ? tuned_points(*options.tuned, options.fit.convention,
                                     static_cast<std::int64_t>(options.seed % 1000000) * 1000000 + 1 +
                                         static_cast<std::int64_t>(i))
                      : simulate_points(points, law, options.noise, options.seed, i);
    const bool chosen = !options.laws.empty();
    studies[i] =
        study_of(chosen ? choose_law(observed, options.laws, own).answer() : fit_points(observed, own), asked, chosen);
  });
  const Study* first = nullptr;
  for (const Study& study : studies) {
    c.refits_failed += study.refits_failed;
    ++(study.converged ? c.studies : c.failed);
    if (study.converged && !options.laws.empty()) ++c.answered[study.law];
    if (study.converged && first == nullptr) first = &study;
  }
  if (first == nullptr) {
    c.notes.push_back("no fit of any study converged: this design cannot estimate this law");
    return c;
  }
  std::map<std::string, double> truths = counted_exponents(exponents_of(law), !options.laws.empty());
  truths.merge(answers_of(law, asked));
  for (const auto& [name, truth] : truths) {
    if (first->estimates.contains(name)) c.quantities.push_back(summary(name, truth, studies));
  }
  const Resample resample = options.fit.bootstrap.resample;
  if (options.noise.group_share > 0 && (resample == Resample::runs || resample == Resample::parametric)) {
    c.notes.push_back(
        "runs of a group share a part of their noise here, which only --resample components, groups and shapes account "
        "for");
  }
  return c;
}

}  // namespace scalelaw::inline inference
