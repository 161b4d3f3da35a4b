// scalelaw coverage CONFIG: how far the intervals of a design can be trusted, before anything is run.
#include "inference/coverage.hpp"

#include <memory>
#include <optional>

#include "cli/study_common.hpp"

namespace scalelaw::cli {
namespace {

struct CoverageArguments {
  ConfigOptions config;
  std::string law;
  std::string method = "parametric";
  std::string resample;
  std::optional<double> noise;
  std::optional<std::int64_t> replicates;
  CoverageOptions coverage;
};

/// The law named, or that of the config's [simulation]; the config's constants belong to the law that it names.
Law simulated_law(const StudyConfig& config, const std::string& name) {
  if (name.empty() || name == config.simulation.law) return simulation_law(config.simulation);
  SimulationSpec named;
  named.law = name;
  return simulation_law(named);
}

ExitCode coverage_action(const Globals& globals, const CoverageArguments& arguments) {
  const StudyConfig config = read_config_options(arguments.config);
  const Law law = simulated_law(config, arguments.law);
  CoverageOptions options = arguments.coverage;
  options.fit.law = law_kind(config.analysis.law);
  options.fit.method = arguments.method;
  options.fit.convention = config.analysis.convention;
  options.fit.threads = globals.threads;
  options.fit.bootstrap.replicates = arguments.replicates.value_or(200);
  options.fit.bootstrap.resample = arguments.resample.empty() ? config.analysis.resample : arguments.resample;
  options.noise.sd = arguments.noise.value_or(config.simulation.noise);
  options.noise.exponent = config.simulation.noise_exponent;
  options.noise.at_nats = config.simulation.noise_at_nats;

  const Plan plan = make_plan(config, nullptr);
  Coverage result = coverage(design_points(plan.runs, config.analysis.convention), law, options);
  result.notes.insert(result.notes.end(), plan.notes.begin(), plan.notes.end());
  print(globals, describe(result));
  emit_json(globals, to_json(result));
  return ExitCode::ok;
}

}  // namespace

void add_coverage(CLI::App& app, const Globals& globals, Action& action) {
  auto arguments = std::make_shared<CoverageArguments>();
  CoverageOptions& options = arguments->coverage;
  CLI::App* command =
      app.add_subcommand("coverage", "expected widths and actual coverage of a design's intervals, by simulation");
  command->add_option("config", arguments->config.config, "TOML file of the study (docs/CONFIG.md)")->required();
  command
      ->add_option("--set", arguments->config.overrides,
                   "table.key=value, replaces a value of the file; may be repeated")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  command->add_option("--law", arguments->law,
                      "law that is true: a published set (scalelaw laws); default: that of the config's [simulation]");
  command->add_option("--studies", options.studies, "simulated studies");
  command->add_option("--noise", arguments->noise,
                      "standard deviation of ln loss of a point, its learning rate tuned; default: simulation.noise");
  command->add_option("--group-share", options.noise.group_share,
                      "share of that variance which the runs of a trunk have in common, 0 to 1");
  command->add_option("--method", arguments->method, "how each study is fitted")
      ->check(CLI::IsMember({"parametric", "isoflop", "envelope"}));
  command->add_option("--bootstrap", arguments->replicates, "refits behind each interval; default 200");
  command->add_option("--resample", arguments->resample, "what they resample; default: analysis.resample")
      ->check(CLI::IsMember({"auto", "runs", "groups", "parametric"}));
  command->add_option("--seed", options.seed, "seed of simulations and resampling");
  command->callback([arguments, &globals, &action] {
    action = [arguments, &globals] { return coverage_action(globals, *arguments); };
  });
}

}  // namespace scalelaw::cli
