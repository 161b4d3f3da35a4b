#pragma once
// What plan, study, run and simulate share: options, config, corpus.
#include <optional>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "design/plan.hpp"

namespace scalelaw::cli {

struct ConfigOptions {
  std::string config;
  std::vector<std::string> overrides;  ///< --set
  std::string backend, device;         ///< replace the config's where not empty
};
/// CONFIG, --set, --backend, --device.
void add_config_options(CLI::App& command, ConfigOptions& options);
/// The study's config with the options applied.
[[nodiscard]] StudyConfig read_config_options(const ConfigOptions& options);
/// Sha256 and size of the corpus. Errors (data): it is not there, with scripts/get_corpus.sh; it has more token ids
/// than model.vocab.
[[nodiscard]] CorpusFacts corpus_facts(const StudyConfig& config);

}  // namespace scalelaw::cli
