#include "inference/coverage.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "core/stats.hpp"
#include "fit/draws.hpp"
#include "inference/compare.hpp"
#include "inference/exponents.hpp"
#include "law/optimum.hpp"
#include "records/shape.hpp"
#include "select/select.hpp"

namespace scalelaw::inline inference {
namespace {

constexpr const char* kOptimalSize = "ln_params_optimal";
constexpr std::int64_t kFewestRefits = 40;  // the 2.5 % quantile of fewer lies at their very end

struct Estimate {
  double value = 0;
  Interval ci80, ci95;
};

/// What one study says.
struct Study {
  bool converged = false;
  std::int64_t refits_failed = 0;
  std::map<std::string, Estimate> estimates;
};

double ln_optimal_params(const Law& law, double flops) { return std::log(compute_optimal(law, flops).scale.params); }

std::map<std::string, double> quantities_of(std::map<std::string, double> exponents, const Law& law, double flops) {
  exponents.erase("b");  // 1 - a for every law that has both
  exponents.erase("frontier");
  if (allocation_exponents(law)) exponents[kOptimalSize] = ln_optimal_params(law, flops);
  return exponents;
}

Study study_of(const FitResult& fit, double flops) {
  Study study;
  const BootstrapResult& b = fit.bootstrap;
  study.refits_failed = b.failed;
  study.converged = fit.converged() && b.draws.size() >= static_cast<std::size_t>(kFewestRefits);
  if (!study.converged) return study;
  for (const auto& [name, value] : quantities_of(exponents_of(fit), fit.fitted, flops)) {
    Estimate estimate{.value = value, .ci80 = {}, .ci95 = {}};
    if (b.ci95.contains(name)) {
      estimate.ci80 = b.ci80.at(name);
      estimate.ci95 = b.ci95.at(name);
    } else if (b.derived_ci95.contains(name)) {
      estimate.ci80 = b.derived_ci80.at(name);
      estimate.ci95 = b.derived_ci95.at(name);
    } else {
      std::vector<double> values;
      Law law = fit.fitted;
      for (const std::vector<double>& draw : b.draws) {
        law.values = draw;
        values.push_back(ln_optimal_params(law, flops));
      }
      estimate.ci80 = draws_interval(values, interval_tail(fit, 0.80));
      estimate.ci95 = draws_interval(values, interval_tail(fit, 0.95));
    }
    study.estimates[name] = estimate;
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

std::vector<Observation> tuned_design_points(const std::vector<PlannedRun>& runs, const SimulationSpec& simulation,
                                             const Convention& convention, std::int64_t lr_extend) {
  std::map<std::string, RunRecord> records;  // by id: rates may meet
  for (const PlannedRun& run : runs) {
    for (std::int64_t step = -lr_extend; step <= lr_extend; ++step) {
      RunSpec spec = as_simulated(run.spec, simulation);
      spec.optimizer.lr = rounded_rate(spec.optimizer.lr * std::exp2(static_cast<double>(step)));
      const RunRecord record = simulate(spec);
      records.emplace(record.id, record);
    }
  }
  std::vector<RunRecord> all;
  for (auto& [id, record] : records) all.push_back(std::move(record));
  const Selection selection = select_observations(all, {.convention = convention, .min_steps = 0});
  std::vector<Observation> points = design_points(runs, convention);
  for (Observation& point : points) {
    for (const Observation& tuned : selection.observations) {
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
  std::vector<Study> studies(static_cast<std::size_t>(options.studies));
  parallel_for(studies.size(), options.fit.threads, [&](std::size_t i) {
    FitOptions own = fit_options;
    own.bootstrap.seed = stream_seed(options.seed, "coverage bootstrap", i);
    studies[i] = study_of(fit_points(simulate_points(points, law, options.noise, options.seed, i), own), c.flops);
  });
  const Study* first = nullptr;
  for (const Study& study : studies) {
    c.refits_failed += study.refits_failed;
    ++(study.converged ? c.studies : c.failed);
    if (study.converged && first == nullptr) first = &study;
  }
  if (first == nullptr) {
    c.notes.push_back("no fit of any study converged: this design cannot estimate this law");
    return c;
  }
  for (const auto& [name, truth] : quantities_of(exponents_of(law), law, c.flops)) {
    if (first->estimates.contains(name)) c.quantities.push_back(summary(name, truth, studies));
  }
  if (options.noise.group_share > 0 && options.fit.bootstrap.resample != Resample::groups &&
      options.fit.bootstrap.resample != Resample::automatic) {
    c.notes.push_back("runs of a group share a part of their noise here, which only --resample groups accounts for");
  }
  return c;
}

Json to_json(const Coverage& c) {
  Json quantities = Json::array();
  for (const QuantityCoverage& q : c.quantities) {
    quantities.push_back({{"name", q.name},
                          {"truth", q.truth},
                          {"mean", finite_or_null(q.mean)},
                          {"bias", finite_or_null(q.bias)},
                          {"sd", finite_or_null(q.sd)},
                          {"width80", finite_or_null(q.width80)},
                          {"width95", finite_or_null(q.width95)},
                          {"covered80", q.covered80},
                          {"covered95", q.covered95}});
  }
  return {{"schema", "scalelaw.coverage/1"},
          {"law", c.law},
          {"fitted", law_form(c.options.fit.law).name},
          {"method", c.options.fit.method},
          {"convention", to_json_fields(c.options.fit.convention)},
          {"points", c.points},
          {"groups", c.groups},
          {"noise", c.options.noise.sd},
          {"group_share", c.options.noise.group_share},
          {"studies", c.studies},
          {"failed", c.failed},
          {"resample", c.options.fit.bootstrap.resample},
          {"replicates", c.options.fit.bootstrap.replicates},
          {"refits_failed", c.refits_failed},
          {"seed", c.options.seed},
          {"flops", c.flops},
          {"share_se95", c.share_se(0.95)},
          {"quantities", quantities},
          {"notes", c.notes}};
}

std::string describe(const Coverage& c) {
  const FitOptions& fit = c.options.fit;
  std::string text = fmt::format(
      "{} simulated studies of {} at {} points in {} independent units; noise of ln loss {:g}{}\n"
      "estimator: {}, {}, N counted as {}, {} refits resampling {}; {} studies more did not converge\n",
      c.studies, c.law, c.points, c.groups, c.options.noise.sd,
      c.options.noise.group_share > 0
          ? fmt::format(", {:g} % of its variance shared within a group", 100 * c.options.noise.group_share)
          : "",
      law_form(fit.law).name, fit.method, fit.convention.params, fit.bootstrap.replicates, fit.bootstrap.resample,
      c.failed);
  std::vector<std::vector<std::string>> rows;
  for (const QuantityCoverage& q : c.quantities) {
    const bool size = q.name == kOptimalSize;
    const auto number = [](double x) { return std::isfinite(x) ? fmt::format("{:.4f}", x) : "–"; };  // sd of one study
    rows.push_back({size ? fmt::format("ln N*({:.3g})", c.flops) : q.name, number(q.truth), number(q.mean),
                    fmt::format("{:+.4f}", q.bias), number(q.sd), number(q.width80), number(q.width95),
                    fmt::format("{:.1f} %", 100 * q.covered80), fmt::format("{:.1f} %", 100 * q.covered95)});
  }
  if (!rows.empty()) {
    text += text_table(
        {"quantity", "truth", "mean", "bias", "sd", "width 80 %", "width 95 %", "80 % covers", "95 % covers"}, rows);
    text += fmt::format(
        "covers: share of the studies whose interval holds the truth; with {} studies its standard error is {:.1f} % "
        "at 80 % and {:.1f} % at 95 %; widths are medians\n",
        c.studies, 100 * c.share_se(0.8), 100 * c.share_se(0.95));
  }
  for (const std::string& note : c.notes) text += fmt::format("note: {}\n", note);
  return text;
}

}  // namespace scalelaw::inline inference
