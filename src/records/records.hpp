#pragma once
// The vocabulary of the program: RunSpec -> RunRecord. A trainer and a simulator are both such functions; fitting,
// allocation, comparison and reports never know which of them made a record. File format: docs/RECORDS.md.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "records/precision.hpp"

namespace scalelaw::inline records {

/// Scores of attention are products q . k of queries and keys that were normed to the length sqrt(d_head), times a
/// scale: a number c stands for c / sqrt(d_head); `none` for 1, as in runs of earlier versions; `learned` for one
/// number c a head, which is trained from learned_qk_scale(d_head) on (records/shape.hpp).
enum class QkScale { none, learned };
constexpr std::array<std::string_view, 2> names_of(QkScale) { return {"none", "learned"}; }

/// How the scales of initial weights, rates and eps follow width and depth: as usual, or so that the best learning rate
/// stays (Dey et al. 2025, arXiv 2505.01618; models/layout.hpp).
enum class Parametrization { standard, completep };
constexpr std::array<std::string_view, 2> names_of(Parametrization) { return {"standard", "completep"}; }

/// Shape of a decoder-only transformer. n_head * d_head is the attention width.
struct ModelSpec {
  std::int64_t d_model = 32;
  std::int64_t n_layer = 2;
  std::int64_t d_head = 8;
  std::int64_t n_head = 4;
  std::int64_t d_ff = 128;
  std::int64_t context = 64;
  std::int64_t vocab = 256;
  bool tie_embeddings = false;
  NumberOr<QkScale> qk_scale = {};
  Parametrization parametrization = Parametrization::standard;
  double embedding_lr_factor = 1;
};
/// The models of a config that says nothing of them (docs/METHODS.md, "The model"), the winners of docs/EXPERIMENTS.md,
/// "Which heads, and which scale of their scores" and "The rate of the token matrix and of the head". d_head 0: it
/// follows d_model. The defaults of ModelSpec are what runs of the first versions were.
inline ModelSpec default_family() {
  return {.d_head = 0, .qk_scale = {.name = QkScale::learned}, .embedding_lr_factor = 4};
}

/// What all shapes of a study share: keys of [model], and of every run. The callables stand where [model] has keys of
/// its own: after context, and after vocab.
/// @param qk_scale, embedding_lr_factor the rules of those keys: a run's spec leaves them out where they are empty and
/// 1, as in runs of earlier versions
template <class Visit, FieldsOf<ModelSpec> T, class AfterContext, class AfterVocab>
void shared_fields(Visit&& visit, T& m, const AfterContext& after_context, const AfterVocab& after_vocab,
                   const Rule& qk_scale, const Rule& embedding_lr_factor) {
  visit("context", m.context, between(2, 65536), "tokens in a training window");
  after_context();
  visit("vocab", m.vocab, between(2, 1048576), "number of token ids; 256 for bytes");
  after_vocab();
  visit("tie_embeddings", m.tie_embeddings, any(), "share the token matrix with the output head");
  visit("qk_scale", m.qk_scale, later(qk_scale),
        "attention's scores are q . k times this / sqrt(d_head); learned: one such number a head; none: q . k itself");
  visit("parametrization", m.parametrization, named<Parametrization>(),
        "how scales follow width and depth; completep: so that the best rate stays (arXiv 2505.01618)");
  visit("embedding_lr_factor", m.embedding_lr_factor, later(embedding_lr_factor),
        "the learning rate of the token matrix and of the head is multiplied by this");
}
template <class Visit, FieldsOf<ModelSpec> T>
void fields(Visit&& visit, T& m) {
  visit("d_model", m.d_model, between(1, 65536), "width of the residual stream");
  visit("n_layer", m.n_layer, between(1, 1024), "number of transformer blocks");
  visit("d_head", m.d_head, between(2, 1024), "width of an attention head (even: rotary positions turn pairs)");
  visit("n_head", m.n_head, between(1, 1024), "number of attention heads");
  visit("d_ff", m.d_ff, between(1, 1048576), "width of the MLP's hidden layer");
  shared_fields(
      visit, m, [] {}, [] {}, unless_empty(or_named<QkScale>(positive())), unless(1, positive()));
}

struct DataSpec {
  std::string corpus_sha256;         ///< hash of the token stream, empty for simulated runs
  std::int64_t tokens = 0;           ///< D: training tokens of this run
  std::int64_t batch_tokens = 256;   ///< tokens in one optimizer step
  std::int64_t unique_tokens = 0;    ///< tokens of the corpus that may be used; 0 = all of the training split
  std::int64_t eval_tokens = 65536;  ///< held-out tokens of the final evaluation
};
template <class Visit, FieldsOf<DataSpec> T>
void fields(Visit&& visit, T& d) {
  visit("corpus_sha256", d.corpus_sha256, any(), "hash of the token stream");
  visit("tokens", d.tokens, at_least(0), "training tokens D");
  visit("batch_tokens", d.batch_tokens, at_least(1), "tokens in one optimizer step");
  visit("unique_tokens", d.unique_tokens, at_least(0), "tokens of the corpus that may be used; 0 = all");
  visit("eval_tokens", d.eval_tokens, at_least(1), "held-out tokens of the final evaluation");
}

/// AdamW with decoupled weight decay. beta2 = 2^(-batch_tokens / beta2_half_life_tokens) where the half-life is not 0.
struct OptimizerSpec {
  double lr = 0.01;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double beta2_half_life_tokens = 0;
  double eps = 1e-8;
  double weight_decay = 0.1;
  double clip = 1.0;
  double warmup_fraction = 0.02;
};
/// What all runs of a study share: keys of [optimizer], and of every run. The callable stands where [optimizer] has a
/// key of its own: after beta2_half_life_tokens.
template <class Visit, FieldsOf<OptimizerSpec> T, class AfterHalfLife>
void shared_fields(Visit&& visit, T& o, const AfterHalfLife& after_half_life) {
  visit("beta1", o.beta1, Rule{.low = 0, .high = 1, .high_open = true}, "decay of the first moment per step");
  visit("beta2", o.beta2, Rule{.low = 0, .high = 1, .high_open = true}, "decay of the second moment per step");
  visit("beta2_half_life_tokens", o.beta2_half_life_tokens, at_least(0),
        "if not 0: half-life of the second moment in tokens, instead of beta2");
  after_half_life();
  visit("eps", o.eps, positive(), "added to the root of the second moment");
  visit("weight_decay", o.weight_decay, at_least(0), "decoupled decay, multiplied by the learning rate");
  visit("clip", o.clip, at_least(0), "largest norm of a gradient; 0 = no clipping");
}
template <class Visit, FieldsOf<OptimizerSpec> T>
void fields(Visit&& visit, T& o) {
  visit("lr", o.lr, positive(), "peak learning rate");
  shared_fields(visit, o, [] {});
  visit("warmup_fraction", o.warmup_fraction, between(0, 1), "share of this run's steps with a rising rate");
}

/// trunk_cooldown: constant rate, then the last cooldown_fraction of the steps falls as 1 - sqrt (Haegele et al. 2024,
/// arXiv 2405.18392) to min_lr_fraction of the peak; runs that differ only in tokens share the constant part.
enum class ScheduleKind { trunk_cooldown, cosine, linear, constant };
constexpr std::array<std::string_view, 4> names_of(ScheduleKind) {
  return {"trunk_cooldown", "cosine", "linear", "constant"};
}
struct ScheduleSpec {
  ScheduleKind kind = ScheduleKind::trunk_cooldown;
  double cooldown_fraction = 0.2;
  double min_lr_fraction = 0.0;
};
template <class Visit, FieldsOf<ScheduleSpec> T>
void fields(Visit&& visit, T& s) {
  visit("kind", s.kind, named<ScheduleKind>(), "learning-rate schedule");
  visit("cooldown_fraction", s.cooldown_fraction, between(0, 1), "share of the steps in the cooldown");
  visit("min_lr_fraction", s.min_lr_fraction, between(0, 1), "last rate as a share of the peak");
}

/// What counts as N: all parameters; without the token, position and output matrices (Kaplan et al. 2020); without the
/// token and position matrices alone.
enum class ParamsCount { total, non_embedding, effective };
constexpr std::array<std::string_view, 3> names_of(ParamsCount) { return {"total", "non_embedding", "effective"}; }
/// What counts as C: 6 N D with the same N, or the matrix products of the real graph.
enum class FlopsCount { six_nd, exact };
constexpr std::array<std::string_view, 2> names_of(FlopsCount) { return {"6nd", "exact"}; }

/// How a run is simulated; formulas: sim/simulate.hpp. A config may name a fit in `law` and observations in `anchor`:
/// both become constants when it is read (sim/resolve.hpp), so that a run's spec holds numbers and no path.
struct SimulationSpec {
  std::string law = "besiroglu2024";           ///< published set, or the kind of law of `params`
  std::map<std::string, double> params = {};   ///< overrides single constants of the law, or gives them all
  std::optional<ParamsCount> convention = {};  ///< what the law counts as N; none = what its authors counted
  std::string anchor = {};                     ///< observations to refit the amplitudes to; empty once that is done
  std::string anchored = {};                   ///< what they were refitted to; empty = as published or given
  double floor_nats = 0;                       ///< no loss is lower
  double noise = 0.01;                         ///< standard deviation of ln loss from run to run
  double noise_exponent = 0;                   ///< it grows as (loss / noise_at_nats)^noise_exponent
  double noise_at_nats = 2;
  double noise_seed_share = 0;   ///< of its variance: common to the runs of one shape and seed
  double noise_trunk_share = 0;  ///< of its variance: common to the runs of one trunk
  double critical_batch_tokens =
      0;  ///< B* of B_crit(L) = B* / L^(1/critical_batch_exponent), Kaplan et al. 2020, eq. 5.3
  double critical_batch_exponent = 0.21;
  double lr_penalty = 0.05;          ///< nats lost per (ln of lr / best lr)^2
  double lr_best_coefficient = 3.7;  ///< best lr = coefficient N^e D^f; N: Porian et al. 2024, arXiv 2406.19146
  double lr_best_exponent = -0.36;
  double lr_best_tokens_exponent = 0;
  double warmup_penalty = 0;  ///< nats lost per (warmup share - warmup_best)^2
  double warmup_best = 0.05;
  double schedule_penalty = 0;       ///< nats lost if the rate never falls; as the square of what is left undecayed
  double embedding_coefficient = 0;  ///< not 0: embeddings are this times N^(1/3), N without embeddings
};
template <class Visit, FieldsOf<SimulationSpec> T>
void fields(Visit&& visit, T& s) {
  visit("law", s.law, any(), "published set of constants (scalelaw laws), a kind of law, or a fit file (.json)");
  visit("params", s.params, any(), "constants that replace those of the set");
  visit("convention", s.convention, named_or_empty<ParamsCount>(),
        "what the law counts as N; empty = as its authors did, total for a kind of law");
  visit("anchor", s.anchor, any(),
        "CSV of observations, or study folder with records.csv: exponents are kept, amplitudes refitted to it");
  visit("anchored", s.anchored, any(), "what the amplitudes were refitted to, written where anchor was used");
  visit("floor_nats", s.floor_nats, at_least(0), "no loss is lower");
  visit("noise", s.noise, between(0, 1), "standard deviation of ln loss from run to run");
  visit("noise_exponent", s.noise_exponent, between(-20, 20), "noise times (loss / noise_at_nats) ^ exponent");
  visit("noise_at_nats", s.noise_at_nats, positive(), "see noise_exponent");
  visit("noise_seed_share", s.noise_seed_share, between(0, 1),
        "share of the noise's variance common to all runs of a shape and seed");
  visit("noise_trunk_share", s.noise_trunk_share, between(0, 1),
        "share of the noise's variance common to the runs of a trunk");
  visit("critical_batch_tokens", s.critical_batch_tokens, at_least(0),
        "critical batch = this / loss ^ (1 / critical_batch_exponent); 0 = batches cost nothing (kaplan-steps: 2.1e8)");
  visit("critical_batch_exponent", s.critical_batch_exponent, positive(), "see critical_batch_tokens");
  visit("lr_penalty", s.lr_penalty, at_least(0), "nats lost per squared ln of (lr / best lr)");
  visit("lr_best_coefficient", s.lr_best_coefficient, positive(),
        "best lr = coefficient * params ^ lr_best_exponent * tokens ^ lr_best_tokens_exponent");
  visit("lr_best_exponent", s.lr_best_exponent, any(), "see lr_best_coefficient");
  visit("lr_best_tokens_exponent", s.lr_best_tokens_exponent, any(), "see lr_best_coefficient");
  visit("warmup_penalty", s.warmup_penalty, at_least(0),
        "nats lost per squared (warmup share of the run - warmup_best)");
  visit("warmup_best", s.warmup_best, between(0, 1), "warmup share that costs nothing");
  visit("schedule_penalty", s.schedule_penalty, at_least(0),
        "nats lost where the rate never falls; less by the square of the share left undecayed");
  visit("embedding_coefficient", s.embedding_coefficient, at_least(0),
        "if not 0, embedding params = this * non_embedding ^ (1/3), whatever the vocabulary (Pearce and Song: 47491)");
}

/// Where the loss of a run comes from.
enum class RunMaker { train, simulate };
constexpr std::array<std::string_view, 2> names_of(RunMaker) { return {"train", "simulate"}; }

struct RunBackend {
  RunMaker kind = RunMaker::train;
  SimulationSpec simulation;  ///< part of the spec only where kind is simulate
};
template <class Visit, FieldsOf<RunBackend> T>
void fields(Visit&& visit, T& b) {
  visit("kind", b.kind, named<RunMaker>(), "where the loss comes from");
  if (b.kind == RunMaker::simulate) visit("simulation", b.simulation, any(), "law and noise of a simulated run");
}

/// Everything that determines a run's loss on one device; its hash is the run's id.
struct RunSpec {
  ModelSpec model;
  DataSpec data;
  OptimizerSpec optimizer;
  ScheduleSpec schedule;
  Precision precision = Precision::fp32;
  std::int64_t seed = 0;
  RunBackend backend;
};
template <class Visit, FieldsOf<RunSpec> T>
void fields(Visit&& visit, T& r) {
  visit("model", r.model, any(), "shape");
  visit("data", r.data, any(), "tokens");
  visit("optimizer", r.optimizer, any(), "AdamW");
  visit("schedule", r.schedule, any(), "learning-rate schedule");
  visit("precision", r.precision, named<Precision>(), "arithmetic of the matrix products");
  visit("seed", r.seed, at_least(0), "seed of initialisation and data order");
  visit("backend", r.backend, any(), "trained or simulated");
}

/// id of a run: 16 hex digits, see short_id.
[[nodiscard]] std::string run_id(const RunSpec& spec);
/// Optimizer steps of a run: tokens / batch_tokens, rounded to nearest, at least 1.
[[nodiscard]] std::int64_t run_steps(const RunSpec& spec);
/// Warmup steps: warmup_fraction * run_steps, rounded to nearest.
[[nodiscard]] std::int64_t warmup_steps(const RunSpec& spec);
/// Steps of the cooldown: cooldown_fraction * run_steps, rounded to nearest; 0 unless the schedule is trunk_cooldown.
[[nodiscard]] std::int64_t cooldown_steps(const RunSpec& spec);
/// id shared by all runs with the same constant-rate trunk (same spec but for tokens; same warmup steps), or empty
/// where the schedule has no trunk.
[[nodiscard]] std::string trunk_id(const RunSpec& spec);
/// id of the member of a stack that makes this run: runs with the same one start alike and differ in tokens only, so
/// they share their trunk, if the schedule has one.
[[nodiscard]] std::string member_id(const RunSpec& spec);

/// Parameter counts per group; their sum is the number of trained scalars.
struct ParamCounts {
  std::int64_t embedding = 0, position = 0, attention = 0, mlp = 0, norm = 0, head = 0;
  std::int64_t total = 0;          ///< all of them
  std::int64_t non_embedding = 0;  ///< Kaplan et al. 2020: without token, position and output matrices
  std::int64_t effective = 0;      ///< non_embedding + output head (the tied matrix counts once as head)

  /// N as `count` counts it: the only place that says so.
  [[nodiscard]] std::int64_t counted(ParamsCount count) const {
    switch (count) {
      case ParamsCount::total:
        return total;
      case ParamsCount::non_embedding:
        return non_embedding;
      case ParamsCount::effective:
        return effective;
    }
    return total;
  }
};
template <class Visit, FieldsOf<ParamCounts> T>
void fields(Visit&& visit, T& p) {
  visit("embedding", p.embedding, at_least(0), "token matrix");
  visit("position", p.position, at_least(0), "position matrix");
  visit("attention", p.attention, at_least(0), "query, key, value and output projections, and learned scales");
  visit("mlp", p.mlp, at_least(0), "MLP matrices");
  visit("norm", p.norm, at_least(0), "gains of the norms");
  visit("head", p.head, at_least(0), "output matrix");
  visit("total", p.total, at_least(0), "all");
  visit("non_embedding", p.non_embedding, at_least(0), "attention + mlp + norm");
  visit("effective", p.effective, at_least(0), "non_embedding + output head");
}

/// Training FLOPs of a run under each convention.
struct FlopCounts {
  double exact = 0;  ///< matrix products of the real graph, causal attention and head included, backward = 2 x forward
  double six_nd_total = 0;
  double six_nd_non_embedding = 0;
  double six_nd_effective = 0;
};
template <class Visit, FieldsOf<FlopCounts> T>
void fields(Visit&& visit, T& f) {
  visit("exact", f.exact, at_least(0), "matrix products of the real graph");
  visit("6nd_total", f.six_nd_total, at_least(0), "6 * total params * tokens");
  visit("6nd_non_embedding", f.six_nd_non_embedding, at_least(0), "6 * non-embedding params * tokens");
  visit("6nd_effective", f.six_nd_effective, at_least(0), "6 * effective params * tokens");
}

/// How a run ended: with a loss, with one that stopped being finite, or not at all.
enum class RunStatus { completed, diverged, failed };
constexpr std::array<std::string_view, 3> names_of(RunStatus) { return {"completed", "diverged", "failed"}; }
struct Outcome {
  RunStatus status = RunStatus::completed;
  std::int64_t step = 0;  ///< last step, or the step at which the loss stopped being finite
  std::string message;
};
template <class Visit, FieldsOf<Outcome> T>
void fields(Visit&& visit, T& o) {
  visit("status", o.status, named<RunStatus>(), "how the run ended");
  visit("step", o.step, at_least(0), "last step");
  visit("message", o.message, any(), "what happened, for a person");
}

struct FinalLoss {
  std::optional<double> nats;           ///< mean held-out loss, nats per token; none for a run that did not complete
  std::optional<double> stderr_nats;    ///< block standard error of nats over the held-out windows
  std::optional<double> bits_per_byte;  ///< none for simulated runs
  std::int64_t eval_tokens = 0;
};
template <class Visit, FieldsOf<FinalLoss> T>
void fields(Visit&& visit, T& l) {
  visit("nats", l.nats, any(), "held-out loss, nats per token");
  visit("stderr", l.stderr_nats, at_least(0), "its standard error");
  visit("bits_per_byte", l.bits_per_byte, any(), "the same loss per byte of text");
  visit("eval_tokens", l.eval_tokens, at_least(0), "held-out tokens");
}

struct Throughput {
  double tokens_per_s = 0;
  double wall_s = 0;
};
template <class Visit, FieldsOf<Throughput> T>
void fields(Visit&& visit, T& t) {
  visit("tokens_per_s", t.tokens_per_s, at_least(0), "training tokens a second, this run's share of its job");
  visit("wall_s", t.wall_s, at_least(0), "seconds from the start of the job to this record");
}

/// Where and with what a record was made. Not part of the id.
struct RunContext {
  std::string version, git, compiler, torch, engine, device, precision, graph, host, started, finished;
  std::int64_t threads = 1;
};
template <class Visit, FieldsOf<RunContext> T>
void fields(Visit&& visit, T& c) {
  visit("version", c.version, any(), "of scalelaw");
  visit("git", c.git, any(), "commit built");
  visit("compiler", c.compiler, any(), "compiler");
  visit("torch", c.torch, any(), "LibTorch version; empty for simulated runs");
  visit("engine", c.engine, any(), "engine of a trained run and why; empty for simulated runs");
  visit("device", c.device, any(), "cpu, cuda:0 ... or simulator, with its name");
  visit("precision", c.precision, any(), "precision used and why");
  visit("graph", c.graph, any(), "on CUDA: steps per CUDA graph, or why single steps");
  visit("threads", c.threads, at_least(0), "threads of the process");
  visit("host", c.host, any(), "machine");
  visit("started", c.started, any(), "UTC, ISO 8601");
  visit("finished", c.finished, any(), "UTC, ISO 8601");
}

/// What made a record.
enum class RunSource { trained, simulated, imported };
constexpr std::array<std::string_view, 3> names_of(RunSource) { return {"trained", "simulated", "imported"}; }

struct RunRecord {
  std::string schema = "scalelaw.run/1";
  std::string id;
  RunSource source = RunSource::trained;
  RunSpec spec;
  Outcome outcome;
  ParamCounts params;
  std::int64_t tokens = 0;  ///< tokens really seen: steps * batch_tokens
  FlopCounts flops;
  FinalLoss loss;
  Throughput throughput;
  std::string trunk;  ///< id of a shared trunk, or empty (null in JSON)
  RunContext context;
};

/// A record as JSON ("scalelaw.run/1") and back. Errors: data error naming `name` and the key.
[[nodiscard]] Json to_json(const RunRecord& record);
[[nodiscard]] RunRecord record_from_json(const Json& value, const std::string& name);
[[nodiscard]] Json to_json(const RunSpec& spec);

}  // namespace scalelaw::inline records
