#pragma once
// What a study's TOML file may say. Every key with its default and range: docs/CONFIG.md.
#include <filesystem>
#include <string>
#include <vector>

#include "core/config_file.hpp"
#include "core/resample.hpp"
#include "law/kinds.hpp"
#include "records/job.hpp"
#include "records/observation.hpp"
#include "records/records.hpp"

namespace scalelaw::inline design {

struct CorpusConfig {
  std::string path = "data/webster1913";
  std::string sha256 = {};
  std::int64_t unique_tokens = 0;
};
template <class Visit, FieldsOf<CorpusConfig> T>
void fields(Visit&& visit, T& c) {
  visit("path", c.path, any(),
        "folder of a built corpus, from where the program is started; not read by simulated studies");
  visit("sha256", c.sha256, any(),
        "hash of the corpus, which study.toml records; where it is given, another corpus is refused");
  visit("unique_tokens", c.unique_tokens, at_least(0),
        "training tokens that may be used, the rest is never seen; 0 = all");
}

struct ModelConfig {
  /// Of every shape, but for d_model, n_layer, n_head and d_ff: model_spec sets those.
  ModelSpec spec = default_family();
  std::int64_t mlp_ratio = 4;
};
template <class Visit, FieldsOf<ModelConfig> T>
void fields(Visit&& visit, T& m) {
  const auto d_head = [&] {
    visit("d_head", m.spec.d_head, between(0, 1024),
          "width of an attention head, even; every d_model is a multiple of it; 0 = for each d_model its even divisor "
          "nearest to 16, or to half of it where that is less");
  };
  const auto mlp_ratio = [&] { visit("mlp_ratio", m.mlp_ratio, between(1, 64), "d_ff / d_model"); };
  shared_fields(visit, m.spec, d_head, mlp_ratio, or_named<QkScale>(positive()), positive());
}

struct ShapeConfig {
  std::int64_t d_model = 0;
  std::int64_t n_layer = 0;
};
template <class Visit, FieldsOf<ShapeConfig> T>
void fields(Visit&& visit, T& s) {
  visit("d_model", s.d_model, between(1, 65536), "width of the residual stream");
  visit("n_layer", s.n_layer, between(1, 1024), "number of transformer blocks");
}

/// Of AdamW, in units of the weights a step: real ones lie below 0.1, and 10 leaves nothing standing.
inline Rule learning_rate() { return {.low = 0, .high = 10, .low_open = true, .high_for_new = true}; }

/// Which runs. The expected optimum N = coefficient * C^exponent places the sizes of an isoFLOP ladder; its defaults
/// are near the isoFLOP minima of configs/quick.toml, trained (docs/RESULTS.md): within 5 % of 31.8 k parameters at
/// 8e10 to 93 k at 1e12 FLOPs (bytes of Webster's dictionary).
enum class DesignKind { grid, isoflop };
constexpr std::array<std::string_view, 2> names_of(DesignKind) { return {"grid", "isoflop"}; }
struct DesignConfig {
  DesignKind kind = DesignKind::isoflop;
  std::vector<double> budgets = {};
  std::vector<double> hold = {};
  std::vector<ShapeConfig> shapes = {};
  std::int64_t sizes_per_budget = 5;
  double size_factor = 1.6;
  double optimum_coefficient = 0.55;
  double optimum_exponent = 0.437;
  double aspect_min = 8;
  double aspect_max = 16;
  std::int64_t min_width = 16;
  std::vector<std::int64_t> widths = {};
  std::vector<std::int64_t> depths = {};
  std::vector<std::int64_t> tokens = {};
  std::vector<double> learning_rates = {0.004, 0.008, 0.016, 0.032};
  double lr_scale_exponent = 0;
  double lr_reference_params = 27648;
  std::int64_t lr_extend = 0;
  double lr_transfer_above = 0;
  std::vector<double> lr_transfer_factors = {1};
  std::int64_t lr_transfer_checks = 0;
  std::vector<std::int64_t> seeds = {0};
  std::int64_t branch_checks = 0;
  std::int64_t batch_tokens = 256;
  double batch_coefficient = 0;
  double batch_exponent = 0.571;
  std::int64_t batch_max_tokens = 65536;
  std::int64_t min_steps = 150;
  double max_epochs = 4;
  Convention convention = {};
};
template <class Visit, FieldsOf<DesignConfig> T>
void fields(Visit&& visit, T& d) {
  visit("kind", d.kind, named<DesignKind>(),
        "grid: shapes, or widths x depths, at each of tokens; isoflop: sizes at equal compute");
  visit("budgets", d.budgets, distinct(positive()), "isoflop: training FLOPs of each budget");
  visit("hold", d.hold, unless_empty(distinct(positive())),
        "isoflop: budgets, within 5 % of one of budgets, that are run like the others but kept out of the fit, which "
        "predicts them");
  visit("shapes", d.shapes, distinct(any()),
        "isoflop: shapes tried at every budget; empty = chosen around each expected optimum; grid: instead of widths x "
        "depths");
  visit("sizes_per_budget", d.sizes_per_budget, between(2, 99), "isoflop without shapes: sizes at each budget");
  visit("size_factor", d.size_factor, Rule{.low = 1, .high = 100, .low_open = true},
        "isoflop without shapes: ratio of neighbouring sizes");
  visit("optimum_coefficient", d.optimum_coefficient, positive(),
        "expected optimal params = coefficient * flops ^ exponent");
  visit("optimum_exponent", d.optimum_exponent, between(0, 1), "see optimum_coefficient");
  visit("aspect_min", d.aspect_min, positive(), "isoflop without shapes: smallest d_model / n_layer");
  visit("aspect_max", d.aspect_max, positive(), "isoflop without shapes: largest d_model / n_layer");
  visit("min_width", d.min_width, at_least(2), "isoflop without shapes: smallest d_model");
  visit("widths", d.widths, distinct(between(1, 65536)), "grid: each d_model");
  visit("depths", d.depths, distinct(between(1, 1024)), "grid: each n_layer");
  visit("tokens", d.tokens, distinct(at_least(1)), "grid: training tokens of each run");
  visit("learning_rates", d.learning_rates, distinct(learning_rate()), "peak learning rates tried at every point");
  visit("lr_scale_exponent", d.lr_scale_exponent, between(-2, 2),
        "rate used = listed * (params / lr_reference_params) ^ -exponent, 4 digits; 0 = as listed");
  visit("lr_reference_params", d.lr_reference_params, positive(), "see lr_scale_exponent");
  visit(
      "lr_extend", d.lr_extend, between(0, 16),
      "rates added, each twice the last or half of it, where the best rate of a point is the highest or lowest tried: "
      "at most this many on a side; 0 = none, the edge is only named");
  visit("lr_transfer_above", d.lr_transfer_above, at_least(0),
        "shapes with more params are not swept: their rate is that of a law lr(N, D) fitted to the others; one size is "
        "enough for it with completep; 0 = all are swept");
  visit("lr_transfer_factors", d.lr_transfer_factors, distinct(positive()), "multiples of the law's rate tried there");
  visit("lr_transfer_checks", d.lr_transfer_checks, between(0, 99),
        "shapes above lr_transfer_above, from the largest down, that are swept all the same: they show how far off the "
        "law is, which is not fitted to them");
  visit("seeds", d.seeds, distinct(between(0, 9.0e15)),
        "seeds of initialisation and data order, each tried at every point");
  visit(
      "branch_checks", d.branch_checks, between(0, 16),
      "runs from scratch for each shape, at its middle D and best rate, with as many seeds, that check what branching "
      "costs; 2 or more measure the noise of seeds as well; 0 = none");
  visit("batch_tokens", d.batch_tokens, at_least(1),
        "tokens in one optimizer step, a multiple of model.context; with batch_coefficient the fewest");
  visit("batch_coefficient", d.batch_coefficient, at_least(0),
        "if not 0: batch = coefficient * tokens ^ batch_exponent, in whole windows; one batch for all runs of a trunk");
  visit("batch_exponent", d.batch_exponent, between(0, 1), "see batch_coefficient");
  visit("batch_max_tokens", d.batch_max_tokens, at_least(1), "most tokens in a step that batch_coefficient may give");
  visit("min_steps", d.min_steps, at_least(1), "points with fewer steps are left out of the plan, and named");
  visit("max_epochs", d.max_epochs, positive(), "points that see the corpus more often are left out, and named");
  visit("convention", d.convention, any(), "what counts as N and C in budgets and in the expected optimum");
}

struct OptimizerConfig {
  OptimizerSpec spec;  ///< of every run, but for lr and warmup_fraction: make_plan sets those
  double beta2_half_life_max = 0.1;
  double warmup = 0.05;
};
template <class Visit, FieldsOf<OptimizerConfig> T>
void fields(Visit&& visit, T& o) {
  const auto half_life_max = [&] {
    visit("beta2_half_life_max", o.beta2_half_life_max, Rule{.low = 0, .high = 1, .low_open = true},
          "longest half-life, as a share of the tokens of the shortest run of a trunk");
  };
  shared_fields(visit, o.spec, half_life_max);
  visit("warmup", o.warmup, between(0, 1), "steps of rising rate as a share of the shortest run of a trunk");
}

struct TrainingConfig {
  AskedPrecision precision = AskedPrecision::fp32;
  std::int64_t eval_tokens = 65536;
  TrainerSettings trainer;
  std::int64_t threads_per_worker = 1;
  double flops_per_s = 4e10;
};
template <class Visit, FieldsOf<TrainingConfig> T>
void fields(Visit&& visit, T& t) {
  visit(
      "precision", t.precision, named<AskedPrecision>(),
      "of the factors of matrix products; bf16 needs CUDA or a CPU with AMX; auto: bf16 on CUDA, and with AMX where no "
      "d_model is below 64, else fp32; one for the whole study, kept when it is resumed");
  visit("eval_tokens", t.eval_tokens, at_least(1), "held-out tokens of the final evaluation");
  fields(visit, t.trainer);
  visit("threads_per_worker", t.threads_per_worker, between(1, 1024), "threads of one training process on a CPU");
  visit("flops_per_s", t.flops_per_s, positive(),
        "speed of one worker that the plan's estimate of time assumes where none was measured");
}

/// Who makes the runs; automatic: the CUDA trainer where there is a device, else the simulator.
enum class BackendKind { automatic, train, simulate, command };
constexpr std::array<std::string_view, 4> names_of(BackendKind) { return {"auto", "train", "simulate", "command"}; }

struct BackendConfig {
  BackendKind kind = BackendKind::automatic;
  AskedDevice device = AskedDevice::automatic;
  std::vector<std::string> command = {};
  std::int64_t workers = 0;
  std::int64_t jobs_per_device = 1;
  std::int64_t memory_mib = 0;
  std::int64_t device_memory_mib = 0;
};
template <class Visit, FieldsOf<BackendConfig> T>
void fields(Visit&& visit, T& b) {
  visit(
      "kind", b.kind, named<BackendKind>(),
      "auto: train on a CUDA device if there is one, else simulate; command: any program that speaks the job protocol");
  visit("device", b.device, named<AskedDevice>(), "where to train; auto: CUDA if possible, else the CPU");
  visit("command", b.command, any(),
        "kind command: program and arguments; {job} and {out} stand for the job file and study");
  visit("workers", b.workers, between(0, 1024), "training processes at once; 0 = as many as cores, on CUDA as devices");
  visit("jobs_per_device", b.jobs_per_device, between(1, 64),
        "training processes that share a CUDA device, where workers is 0");
  visit("memory_mib", b.memory_mib, between(0, 1e9),
        "kind train on a CPU: memory of all workers together; a job that would take more than a worker's share is "
        "split; 0 = nine tenths of the machine's");
  visit(
      "device_memory_mib", b.device_memory_mib, between(0, 1e9),
      "on CUDA: memory of a device for all processes that share it; a job that would take more than a share is split; "
      "0 = nine tenths of what nvidia-smi lists");
}

struct AnalysisConfig {
  LawKind law = LawKind::chinchilla;
  bool choose_law = true;
  Convention convention = {};
  std::int64_t bootstrap = 500;
  Resample resample = Resample::automatic;
  std::int64_t seed = 2;
  std::vector<double> budgets = {};
  std::int64_t min_steps = 0;
};
template <class Visit, FieldsOf<AnalysisConfig> T>
void fields(Visit&& visit, T& a) {
  visit("law", a.law, named<LawKind>(), "law fitted to the records");
  visit("choose_law", a.choose_law, any(),
        "let the law that analysis.law lies within answer where the points reject analysis.law");
  visit("convention", a.convention, any(), "what counts as N and C in the fit");
  visit("bootstrap", a.bootstrap, between(0, 1e6), "bootstrap replicates behind the intervals; 0 = no intervals");
  visit("resample", a.resample, named<Resample>(),
        "what the bootstrap resamples; auto: components where few runs share shapes or trunks, groups where many do, "
        "else parametric where runs are few, else runs");
  visit("seed", a.seed, between(0, 9.0e15), "seed of the bootstrap");
  visit("budgets", a.budgets, distinct(positive()),
        "FLOPs to allocate; empty = 1, 10 and 100 times the design's largest");
  visit("min_steps", a.min_steps, at_least(0), "runs with fewer steps are left out of the fit");
}

struct CompareConfig {
  std::string law = "besiroglu2024";
  double margin = 0;
  double margin_relative = 0.1;
  std::int64_t studies = 200;
  std::int64_t seed = 1;
};
template <class Visit, FieldsOf<CompareConfig> T>
void fields(Visit&& visit, T& c) {
  visit("law", c.law, any(), "published law simulated at the same points, for comparison");
  visit("margin", c.margin, at_least(0),
        "exponents closer than this count as equivalent; 0 = within margin_relative of each other");
  visit("margin_relative", c.margin_relative, positive(),
        "where margin is 0: exponents this close, as a share of the simulated one, count as equivalent");
  visit("studies", c.studies, between(2, 1e6), "simulated studies behind the comparison");
  visit("seed", c.seed, between(0, 9.0e15), "seed of the simulated studies");
}

struct StudyConfig {
  std::string name;
  CorpusConfig corpus;
  ModelConfig model;
  DesignConfig design;
  OptimizerConfig optimizer;
  ScheduleSpec schedule;
  TrainingConfig training;
  BackendConfig backend;
  SimulationSpec simulation;
  AnalysisConfig analysis;
  CompareConfig compare;
};
template <class Visit, FieldsOf<StudyConfig> T>
void fields(Visit&& visit, T& s) {
  visit("name", s.name, any(), "name of the study and of its folder; default: the config file's name without .toml");
  visit("corpus", s.corpus, any(), "text to train on");
  visit("model", s.model, any(), "what all shapes share");
  visit("design", s.design, any(), "which runs");
  visit("optimizer", s.optimizer, any(), "AdamW");
  visit("schedule", s.schedule, any(), "learning-rate schedule");
  visit("training", s.training, any(), "how runs are trained");
  visit("backend", s.backend, any(), "what trains or simulates them");
  visit("simulation", s.simulation, any(), "law and noise of simulated runs");
  visit("analysis", s.analysis, any(), "fit and allocation");
  visit("compare", s.compare, any(), "comparison with a published law");
}

/// Reads a study's TOML file with --set overrides and checks it as a whole. In the study.toml of a folder with runs a
/// key that earlier versions did not know has the meaning of their runs.
/// Errors (config): see read_config and read_fields; no budgets, widths, depths, tokens, rates or seeds where the
/// design needs them; d_model not a multiple of d_head; batch_tokens not a multiple of context; micro_tokens neither
/// that nor a divisor of batch_tokens; a held budget that is none of the budgets, or all of them held; aspect_min above
/// aspect_max; backend command without a command.
[[nodiscard]] StudyConfig read_study_config(const std::filesystem::path& path,
                                            const std::vector<std::string>& overrides = {});

/// study.toml of a folder that is there already: lists with an item twice, which count it once, and rates above the
/// bound are read as well, as earlier versions took them; a key that they did not know has the meaning of their runs.
/// Errors (config): otherwise as read_study_config.
[[nodiscard]] StudyConfig read_kept_config(const std::filesystem::path& path);

/// The shape with what [model] says of all shapes.
[[nodiscard]] ModelSpec model_spec(const ModelConfig& model, const ShapeConfig& shape);

/// Every key of a study file as a Markdown table (key, type, default, range, meaning): the body of docs/CONFIG.md.
[[nodiscard]] std::string config_reference();

}  // namespace scalelaw::inline design
