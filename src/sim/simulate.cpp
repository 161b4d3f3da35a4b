#include "sim/simulate.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/build_info.hpp"
#include "core/rng.hpp"
#include "law/shape.hpp"

namespace scalelaw {
namespace {

constexpr LawKind kLossLaws[] = {LawKind::chinchilla,       LawKind::kaplan,      LawKind::power_n,
                                 LawKind::power_d,          LawKind::power_c,     LawKind::kaplan_steps,
                                 LawKind::data_constrained, LawKind::overtraining};

const Law* find_published(const std::string& name) {
  for (const Law& law : published_laws()) {
    if (law.name == name) return &law;
  }
  return nullptr;
}

/// A kind of law whose constants all have to be given: they start as NaN.
Law empty_law(const std::string& name) {
  std::vector<std::string> names;
  for (const LawKind kind : kLossLaws) {
    const LawInfo& info = law_info(kind);
    if (info.name == name) {
      Law law;
      law.kind = kind;
      law.values.assign(info.parameters.size(), std::nan(""));
      law.name = name;
      law.source = "given";
      return law;
    }
    names.push_back(info.name);
  }
  for (const Law& law : published_laws()) names.push_back(law.name);
  const std::string near = nearest_word(name, names);
  fail_config("simulation law: there is no law '{}'{}; use one of {}", name,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

}  // namespace

Law simulation_law(const SimulationSpec& simulation) {
  const Law* published = find_published(simulation.law);
  Law law = published != nullptr ? *published : empty_law(simulation.law);
  if (law.kind == LawKind::optimal) {
    fail_config("simulation law: '{}' gives the optimal size, not a loss; name a law of the loss", simulation.law);
  }
  const std::vector<std::string>& names = law_info(law.kind).parameters;
  for (const auto& [name, value] : simulation.params) {
    const auto it = std::find(names.begin(), names.end(), name);
    if (it == names.end()) {
      fail_config("simulation params: the law '{}' has no constant '{}'; it has {}", simulation.law, name,
                  fmt::join(names, ", "));
    }
    if (!std::isfinite(value)) fail_config("simulation params: '{}' is not a finite number", name);
    law.values[static_cast<std::size_t>(it - names.begin())] = value;
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (std::isnan(law.values[i])) {
      fail_config("simulation params: the law '{}' needs a value for '{}' (it has {})", simulation.law, names[i],
                  fmt::join(names, ", "));
    }
  }
  if (!simulation.params.empty()) law.name += " (changed)";
  return law;
}

double best_lr(const SimulationSpec& simulation, double params) {
  return simulation.lr_best_coefficient * std::pow(params, simulation.lr_best_exponent);
}

RunRecord simulate(const RunSpec& spec) {
  SCALELAW_CHECK(spec.backend.kind == "simulate", "the run's backend is {}", spec.backend.kind);
  const SimulationSpec& simulation = spec.backend.simulation;
  const Law law = simulation_law(simulation);

  RunRecord record;
  record.id = run_id(spec);
  record.source = "simulated";
  record.spec = spec;
  record.outcome.step = run_steps(spec);
  record.params = count_params(spec.model);
  record.tokens = record.outcome.step * spec.data.batch_tokens;
  record.flops = count_flops(spec.model, record.tokens);
  record.trunk = trunk_id(spec);

  LawPoint point;
  point.params = params_of(record, law.convention);
  point.tokens = static_cast<double>(record.tokens);
  point.flops = flops_of(record, law.convention);
  point.unique_tokens = static_cast<double>(spec.data.unique_tokens);
  point.steps = static_cast<double>(record.outcome.step);

  Rng rng = make_rng(0, "simulate " + record.id);
  const double z = standard_normal(rng);
  const double mistuning = std::log(spec.optimizer.lr / best_lr(simulation, point.params));
  const double loss =
      predict_loss(law, point) * std::exp(simulation.noise * z) + simulation.lr_penalty * mistuning * mistuning;
  if (!std::isfinite(loss)) {
    fail_config("simulation law '{}': the loss of {} at {} tokens is not finite; check its constants", simulation.law,
                shape_name(spec.model), record.tokens);
  }
  record.loss.nats = loss;

  const BuildInfo info = build_info();
  record.context.version = info.version;
  record.context.git = info.git;
  record.context.compiler = info.compiler;
  record.context.device = "simulator";
  record.context.precision = "double: a formula";
  return record;
}

RunSpec as_simulated(RunSpec spec, const SimulationSpec& simulation) {
  spec.backend.kind = "simulate";
  spec.backend.simulation = simulation;
  spec.data.corpus_sha256.clear();
  return spec;
}

std::vector<Observation> simulate_points(const std::vector<Observation>& points, const Law& law,
                                         const PointNoise& noise, std::uint64_t seed, std::uint64_t index) {
  Rng own = make_rng(seed, "simulate points", index);
  Rng shared = make_rng(seed, "simulate groups", index);
  const double shared_sd = noise.sd * std::sqrt(noise.group_share);
  const double own_sd = noise.sd * std::sqrt(1 - noise.group_share);
  std::map<std::string, double> groups;
  std::vector<Observation> simulated = points;
  for (Observation& point : simulated) {
    double z_group = standard_normal(shared);
    if (!point.group.empty()) z_group = groups.try_emplace(point.group, z_group).first->second;
    const LawPoint at{.params = point.params,
                      .tokens = point.tokens,
                      .flops = point.flops,
                      .unique_tokens = point.unique_tokens.value_or(0),
                      .steps = 0};
    point.loss_nats = predict_loss(law, at) * std::exp(shared_sd * z_group + own_sd * standard_normal(own));
    point.loss_stderr.reset();
  }
  return simulated;
}

}  // namespace scalelaw
