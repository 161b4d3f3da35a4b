#pragma once
// What plan, study, run and simulate share: options, config, corpus.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "design/plan.hpp"
#include "exec/backend.hpp"
#include "select/population.hpp"

namespace scalelaw::cli {

struct ConfigOptions {
  std::string config;
  std::vector<std::string> overrides;  ///< --set
  std::optional<BackendKind> backend;  ///< replaces the config's, as does device
  std::optional<AskedDevice> device;
};
/// CONFIG, --set, --backend, --device.
void add_config_options(CLI::App& command, ConfigOptions& options);
/// --where and --pool: which of a folder's or file's runs are analysed together.
void add_population_options(CLI::App& command, PopulationChoice& choice);
/// The study's config with the options applied.
[[nodiscard]] StudyConfig read_config_options(const ConfigOptions& options);
/// The folder of a study: `out`, or else studies/NAME; a study that is simulated because it could not be trained gets
/// studies/NAME-simulated, so that its runs never lie among trained ones.
[[nodiscard]] std::filesystem::path study_folder(const StudyConfig& config, const BackendChoice& backend,
                                                 const std::string& out);
/// What a user must know of a choice that was not asked for outright; ends with a newline, or is empty. Where an
/// automatic choice simulates: that it does, why, that the text is not read, how long this CPU would train, and the
/// command that does so into another folder.
[[nodiscard]] std::string backend_note(const ConfigOptions& options, const StudyConfig& config,
                                       const BackendChoice& backend, const Environment& environment,
                                       const std::string& out);
/// Sha256 and size of the corpus. Errors (data): it is not there, with scripts/get_corpus.sh; it has more token ids
/// than model.vocab, or it is another than corpus.sha256.
[[nodiscard]] CorpusFacts corpus_facts(const StudyConfig& config);

}  // namespace scalelaw::cli
