#include "cli/study_common.hpp"

#include "corpus/corpus.hpp"
#include "sim/resolve.hpp"

namespace scalelaw::cli {

void add_config_options(CLI::App& command, ConfigOptions& options) {
  command.add_option("config", options.config, "TOML file of the study (docs/CONFIG.md)")->required();
  command.add_option("--set", options.overrides, "table.key=value, replaces a value of the file; may be repeated")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command.add_option("--backend", options.backend, "replaces backend.kind")
      ->check(CLI::IsMember({"auto", "train", "simulate", "command"}));
  command.add_option("--device", options.device, "replaces backend.device")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
}

StudyConfig read_config_options(const ConfigOptions& options) {
  std::vector<std::string> overrides = options.overrides;
  if (!options.backend.empty()) overrides.push_back(fmt::format("backend.kind=\"{}\"", options.backend));
  if (!options.device.empty()) overrides.push_back(fmt::format("backend.device=\"{}\"", options.device));
  StudyConfig config = read_study_config(options.config, overrides);
  config.simulation = resolve_simulation(config.simulation, std::filesystem::path(options.config).parent_path());
  return config;
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
  if (manifest.tokenizer.vocab > config.model.vocab) {
    fail_data("{}: has {} token ids, but model.vocab is {}; set model.vocab to at least that", config.corpus.path,
              manifest.tokenizer.vocab, config.model.vocab);
  }
  return {manifest.sha256, manifest.splits.train.tokens, manifest.splits.validation.tokens};
}

}  // namespace scalelaw::cli
