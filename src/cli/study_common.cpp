#include "cli/study_common.hpp"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "cli/named_option.hpp"
#include "core/format.hpp"
#include "corpus/corpus.hpp"
#include "exec/estimate.hpp"
#include "exec/run.hpp"
#include "sim/resolve.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::cli {
namespace {

/// As a shell takes it for one word.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("_-+=.,:/@%").find(static_cast<char>(c)) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// Of the study if it were trained on this machine's CPU; none where that cannot be planned.
std::optional<double> cpu_seconds(StudyConfig config, const Environment& environment) {
  config.backend.kind = BackendKind::train;
  config.backend.device = AskedDevice::cpu;
  config.training.precision = asked(decided(config.training.precision));
  try {
    std::vector<RunSpec> runs;
    std::error_code error;
    std::optional<CorpusFacts> corpus;
    if (std::filesystem::exists(std::filesystem::path(config.corpus.path) / "manifest.json", error)) {
      corpus = corpus_facts(config);
    }
    const CorpusFacts* facts = corpus ? &*corpus : nullptr;
    for (const PlannedRun& run : study_plan(config, false, facts).runs) runs.push_back(run.spec);
    return estimate_study(config, runs, environment, facts, read_speeds(speed_table_file())).seconds;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

void add_config_options(CLI::App& command, ConfigOptions& options) {
  command.add_option("config", options.config, "TOML file of the study (docs/CONFIG.md)")->required();
  command.add_option("--set", options.overrides, "table.key=value, replaces a value of the file; may be repeated")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  add_named(command, "--backend", options.backend, "replaces backend.kind");
  add_named(command, "--device", options.device, "replaces backend.device");
}

void add_population_options(CLI::App& command, PopulationChoice& choice) {
  command
      .add_option("--where", choice.where,
                  "only runs with FIELD=VALUE: source, corpus, context, precision, ...; may be repeated")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.add_flag("--pool", choice.pool,
                   "pool runs that do not belong together (another corpus, context, ...); the result says so");
}

StudyConfig read_config_options(const ConfigOptions& options) {
  std::vector<std::string> overrides = options.overrides;
  if (options.backend) overrides.push_back(fmt::format("backend.kind=\"{}\"", *options.backend));
  if (options.device) overrides.push_back(fmt::format("backend.device=\"{}\"", *options.device));
  StudyConfig config = read_study_config(options.config, overrides);
  config.simulation = resolve_simulation(config.simulation, std::filesystem::path(options.config).parent_path());
  return config;
}

std::filesystem::path study_folder(const StudyConfig& config, const BackendChoice& backend, const std::string& out) {
  if (!out.empty()) return out;
  return std::filesystem::path("studies") / (config.name + (backend.fallback.empty() ? "" : "-simulated"));
}

std::string backend_note(const ConfigOptions& options, const StudyConfig& config, const BackendChoice& backend,
                         const Environment& environment, const std::string& out) {
  if (backend.fallback.empty()) return backend.note.empty() ? "" : backend.note + "\n";
  std::string command = fmt::format("scalelaw study {}", quoted(options.config));
  for (const std::string& item : options.overrides) command += fmt::format(" --set {}", quoted(item));
  command += fmt::format(" --backend train --device cpu --out {}",
                         quoted(out.empty() ? "studies/" + config.name : out + "-trained"));
  std::string time;
  if (const auto seconds = cpu_seconds(config, environment)) time = fmt::format(", about {}", short_duration(*seconds));
  return fmt::format("{}: SIMULATED, your text is not read. To train on this CPU{}: {}\n", backend.fallback, time,
                     command);
}

CorpusFacts corpus_facts(const StudyConfig& config) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::path(config.corpus.path) / "manifest.json", error)) {
    fail_data(
        "{}: no corpus there (corpus.path); scripts/get_corpus.sh gets one, 'scalelaw corpus build --input FILES --out "
        "{}' makes one of your own text",
        config.corpus.path, config.corpus.path);
  }
  const Manifest manifest = load_manifest(config.corpus.path);
  if (manifest.tokenizer.vocab > config.model.spec.vocab) {
    fail_data("{}: has {} token ids, but model.vocab is {}; set model.vocab to at least that", config.corpus.path,
              manifest.tokenizer.vocab, config.model.spec.vocab);
  }
  if (!config.corpus.sha256.empty() && config.corpus.sha256 != manifest.sha256) {
    fail_data(
        "{}: the corpus there has the hash {}, but corpus.sha256 asks for {}; give the corpus that the study began "
        "with "
        "(corpus.path), or another study of its own: remove corpus.sha256 and give --out",
        config.corpus.path, manifest.sha256.substr(0, 12), config.corpus.sha256.substr(0, 12));
  }
  return {manifest.sha256, manifest.splits.train.tokens, manifest.splits.validation.tokens, manifest.dtype};
}

}  // namespace scalelaw::cli
