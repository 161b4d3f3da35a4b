#include "sim/simulate.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/build_info.hpp"
#include "core/format.hpp"
#include "core/rng.hpp"
#include "law/critical_batch.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline sim {
namespace {

constexpr double kFullCooldown = 0.2;  // share of a run, Haegele et al. 2024

/// A kind of law whose constants all have to be given: they start as NaN.
Law empty_law(const std::string& name) {
  std::vector<std::string> names;
  for (const LawKind kind : all_of<LawKind>()) {
    const LawForm& info = law_form(kind);
    if (info.predicts_size) continue;
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

/// The least fixed point of loss_at, which rises with its argument, met from below; NaN where there is none.
template <class Function>
double consistent_loss(const Function& loss_at, double lowest) {
  double loss = lowest;
  for (int i = 0; i < 10000; ++i) {
    const double next = loss_at(loss);
    if (!(next < 1e3)) return std::nan("");
    if (std::abs(next - loss) <= 1e-15 * next) return next;
    loss = next;
  }
  return std::nan("");
}

/// Stands for all runs of one shape and seed, whatever their rate and length.
std::string seed_stream(RunSpec spec) {
  spec.data.tokens = 0;
  spec.optimizer.lr = 1;
  spec.optimizer.warmup_fraction = 0;
  return "simulate seed " + run_id(spec);
}

double normal_of(const std::string& stream) {
  Rng rng = make_rng(0, stream);
  return standard_normal(rng);
}

double noise_of(const RunRecord& record) {
  const SimulationSpec& s = record.spec.backend.simulation;
  const double seed = s.noise_seed_share, trunk = record.trunk.empty() ? 0 : s.noise_trunk_share;
  if (s.noise_seed_share + s.noise_trunk_share > 1) {
    fail_config(
        "simulation: noise_seed_share {} and noise_trunk_share {} are shares of one variance; together they exceed 1",
        s.noise_seed_share, s.noise_trunk_share);
  }
  double z = std::sqrt(1 - seed - trunk) * normal_of("simulate " + record.id);
  if (seed > 0) z += std::sqrt(seed) * normal_of(seed_stream(record.spec));
  if (trunk > 0) z += std::sqrt(trunk) * normal_of("simulate trunk " + record.trunk);
  return z;
}

/// Embeddings that follow another rule than the shape's vocabulary: tied, so that they count once.
void count_embeddings(RunRecord& record, double coefficient) {
  ParamCounts& p = record.params;
  p.embedding = std::llround(coefficient * std::cbrt(static_cast<double>(p.non_embedding)));
  p.position = p.head = 0;
  p.total = p.effective = p.non_embedding + p.embedding;
  const auto tokens = static_cast<double>(record.tokens);
  record.flops.six_nd_total = record.flops.six_nd_effective = 6 * static_cast<double>(p.total) * tokens;
}

/// Counts of a run: params, tokens, flops, and the steps of its outcome.
RunRecord counted_record(const RunSpec& spec, const SimulationSpec& simulation) {
  RunRecord record;
  record.spec = spec;
  record.outcome.step = run_steps(spec);
  record.params = count_params(spec.model);
  record.tokens = record.outcome.step * spec.data.batch_tokens;
  record.flops = count_flops(spec.model, record.tokens);
  if (simulation.embedding_coefficient > 0) count_embeddings(record, simulation.embedding_coefficient);
  return record;
}

LawPoint point_of(const RunRecord& record, const Law& law) {
  return {.params = params_of(record, law.convention),
          .tokens = static_cast<double>(record.tokens),
          .flops = flops_of(record, law.convention),
          .unique_tokens = static_cast<double>(record.spec.data.unique_tokens),
          .steps = static_cast<double>(record.outcome.step)};
}

/// That of a model which gives every token the same probability.
double largest_loss(const SimulationSpec& simulation, const RunSpec& spec) {
  return simulation.embedding_coefficient > 0 ? std::numeric_limits<double>::infinity()
                                              : std::log(static_cast<double>(spec.model.vocab));
}

}  // namespace

Law simulation_law(const SimulationSpec& simulation) {
  SCALELAW_CHECK(
      (simulation.anchor.empty() || simulation.anchor == kPublishedAnchor) && !simulation.law.ends_with(".json"),
      "the simulation's fit file or anchor was not resolved");
  const Law* published = find_published_law(simulation.law);
  Law law = published != nullptr ? *published : empty_law(simulation.law);
  if (law.form().predicts_size) {
    fail_config("simulation law: '{}' gives the optimal size, not a loss; name a law of the loss", simulation.law);
  }
  const std::vector<std::string>& names = law_form(law.kind).parameters;
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
  law.convention.params = simulation.convention.value_or(law.convention.params);
  if (!simulation.params.empty()) law.name += simulation.anchored.empty() ? " (changed)" : " (amplitudes refitted)";
  return law;
}

double best_lr(const SimulationSpec& simulation, double params, double tokens) {
  return simulation.lr_best_coefficient * std::pow(params, simulation.lr_best_exponent) *
         std::pow(tokens, simulation.lr_best_tokens_exponent);
}

double expected_loss(const Law& law, const LawPoint& point, const SimulationSpec& simulation, double batch_tokens) {
  const bool repeats = point.unique_tokens > 0 && point.unique_tokens < point.tokens;
  const Law used = repeats ? with_repetition(law) : law;
  CriticalBatch critical{.tokens = simulation.critical_batch_tokens, .alpha = simulation.critical_batch_exponent};
  if (law.form().needs(Quantity::steps)) {
    if (critical.tokens == 0) critical.tokens = CriticalBatch{}.tokens;
    return predict_loss_at_batch(law, point, batch_tokens, critical);
  }
  if (critical.tokens == 0) return predict_loss(used, point);

  const auto loss_at = [&](double loss) {  // a batch far below the critical one wastes nothing
    const double useful = 1 / (1 + batch_tokens / critical_batch_tokens(loss, critical));
    LawPoint at = point;
    at.tokens *= useful;
    at.unique_tokens *= useful;
    at.flops *= useful;
    return predict_loss(used, at);
  };
  const double loss = consistent_loss(loss_at, predict_loss(used, point));
  if (!std::isfinite(loss)) {
    fail_config(
        "simulation: a batch of {} tokens lies so far above the critical one that no loss is consistent with it at N = "
        "{:.4g}, D = {:.4g}; use smaller batches or another critical_batch_tokens",
        batch_tokens, point.params, point.tokens);
  }
  return loss;
}

LawPoint simulated_point(const RunSpec& spec, const SimulationSpec& simulation) {
  return point_of(counted_record(spec, simulation), simulation_law(simulation));
}

double possible_loss(const Law& law, const SimulationSpec& simulation, const RunSpec& spec) {
  const LawPoint point = point_of(counted_record(spec, simulation), law);
  const double loss = expected_loss(law, point, simulation, static_cast<double>(spec.data.batch_tokens));
  if (!std::isfinite(loss)) {
    fail_config("simulation law '{}': the loss of {} at {} tokens is not finite; check its constants", simulation.law,
                shape_name(spec.model), point.tokens);
  }
  const double largest = largest_loss(simulation, spec);
  if (loss > largest) {
    fail_config(
        "simulation law '{}': it gives {:.1f} nats at N = {}, D = {}, above ln({}) = {:.3g}, the loss of a model that "
        "knows nothing: its amplitudes do not hold at this scale; refit them to measured runs with simulation.anchor "
        "(a CSV or a study folder), or give simulation.params",
        law.name, loss, short_count(point.params), short_count(point.tokens), spec.model.vocab, largest);
  }
  return loss;
}

double undecayed_share(const ScheduleSpec& schedule) {
  if (schedule.kind == ScheduleKind::constant) return 1;
  if (schedule.kind != ScheduleKind::trunk_cooldown) return schedule.min_lr_fraction;
  return 1 - (1 - schedule.min_lr_fraction) * std::min(1.0, schedule.cooldown_fraction / kFullCooldown);
}

RunRecord simulate(const RunSpec& spec) {
  SCALELAW_CHECK(spec.backend.kind == RunMaker::simulate, "the run's backend is {}", spec.backend.kind);
  const SimulationSpec& simulation = spec.backend.simulation;
  const Law law = simulation_law(simulation);

  RunRecord record = counted_record(spec, simulation);
  record.id = run_id(spec);
  record.source = RunSource::simulated;
  record.trunk = trunk_id(spec);
  const LawPoint point = point_of(record, law);

  const double expected = possible_loss(law, simulation, spec);
  const double sd = simulation.noise * std::pow(expected / simulation.noise_at_nats, simulation.noise_exponent);
  const double mistuning = std::log(spec.optimizer.lr / best_lr(simulation, point.params, point.tokens));
  const double warmup = spec.optimizer.warmup_fraction - simulation.warmup_best;
  const double undecayed = undecayed_share(spec.schedule);
  const double loss = std::min(
      largest_loss(simulation, spec),
      std::max(simulation.floor_nats,
               expected * std::exp(sd * noise_of(record)) + simulation.lr_penalty * mistuning * mistuning +
                   simulation.warmup_penalty * warmup * warmup + simulation.schedule_penalty * undecayed * undecayed));
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
  spec.backend.kind = RunMaker::simulate;
  spec.backend.simulation = simulation;
  spec.backend.simulation.anchor.clear();  // how the constants were chosen, said in the config; not what they are
  spec.data.corpus_sha256.clear();
  return spec;
}

namespace {

/// The unit whose noise a point shares; empty: it is alone.
std::string shared_unit(const Observation& point, SharedBy by) {
  switch (by) {
    case SharedBy::trunk:
      return point.group;
    case SharedBy::shape:
      return point.shape.empty() ? fmt::format("{}", point.params) : point.shape;
    case SharedBy::seed:
      return fmt::format("{}", point.seed.value_or(0));
  }
  return "";
}

}  // namespace

std::vector<Observation> simulate_points(const std::vector<Observation>& points, const Law& law,
                                         const PointNoise& noise, std::uint64_t seed, std::uint64_t index) {
  Rng own = make_rng(seed, "simulate points", index);
  Rng shared = make_rng(seed, "simulate groups", index);
  const double group_root = std::sqrt(noise.group_share), own_root = std::sqrt(1 - noise.group_share);
  std::map<std::string, double> groups;
  std::vector<Observation> simulated = points;
  for (Observation& point : simulated) {
    double z_group = standard_normal(shared);
    const std::string unit = shared_unit(point, noise.shared_by);
    if (!unit.empty()) z_group = groups.try_emplace(unit, z_group).first->second;
    const double loss = predict_loss(law, law_point(point));
    const double sd = noise.sd * std::pow(loss / noise.at_nats, noise.exponent);
    point.loss_nats = loss * std::exp(sd * group_root * z_group + sd * own_root * standard_normal(own));
    point.loss_stderr.reset();
  }
  return simulated;
}

}  // namespace scalelaw::inline sim
