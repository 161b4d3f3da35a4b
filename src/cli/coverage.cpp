// scalelaw coverage CONFIG: how far the intervals of a design can be trusted, before anything is run.
#include "inference/coverage.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "cli/law_source.hpp"
#include "cli/named_option.hpp"
#include "cli/simulation.hpp"
#include "cli/study_common.hpp"
#include "fit/choice.hpp"
#include "inference/coverage_text.hpp"
#include "law/published.hpp"
#include "sim/resolve.hpp"
#include "sim/simulate.hpp"

namespace scalelaw::cli {
namespace {

struct CoverageArguments {
  ConfigOptions config;
  std::string law;
  Method method = Method::parametric;
  std::optional<Resample> resample;
  std::optional<double> noise;
  std::optional<std::int64_t> replicates;
  std::optional<std::int64_t> seed_freedom;
  bool tuned = false;
  CoverageOptions coverage;
};

/// Every constant of a law as those of a simulation, whose noise and rates stay.
void set_law(SimulationSpec& simulation, const Law& law) {
  const LawForm& info = law_form(law.kind);
  simulation.law = info.name;
  simulation.params.clear();
  for (std::size_t i = 0; i < info.parameters.size(); ++i) simulation.params[info.parameters[i]] = law.values[i];
  simulation.convention = law.convention.params;
  simulation.anchor.clear();
  simulation.anchored.clear();
}

/// The simulation of the law named, or that of the config; the config's constants belong to the law that it names.
/// @param fit the law where the name is a fit file
SimulationSpec simulation_of(const StudyConfig& config, const std::string& name, const std::optional<Law>& fit) {
  SimulationSpec simulation = config.simulation;
  if (name.empty() || name == simulation.law) return simulation;
  if (fit) {
    set_law(simulation, *fit);
    return simulation;
  }
  simulation.law = name;
  simulation.params.clear();
  simulation.convention.reset();
  simulation.anchored.clear();
  if (simulation.anchor != kPublishedAnchor) simulation.anchor.clear();
  return simulation;
}

/// A fit's amplitudes are measured, so within its own runs it is taken as it stands, and no other text's runs could
/// mend them outside: there it is said that its losses are extrapolated. Empty within.
std::string beyond_fit(const Law& fit, const SimulationSpec& simulation, const std::vector<RunSpec>& runs) {
  const std::vector<Outside> beyond = outside_of(fit.range, simulation, runs, 1);
  if (beyond.empty()) return "";
  return fmt::format(
      "the design lies outside the runs behind {} ({}): its losses there are extrapolated, and its amplitudes "
      "are not refitted as those of a published law would be; measure runs at this scale and fit them, or give "
      "simulation.law and simulation.anchor in the config",
      fit.name, describe(beyond));
}

/// The noise that runs share, in the simulation of single runs. Errors (config): by seed, which no run's noise is.
void share_noise(const PointNoise& noise, SimulationSpec& simulation) {
  switch (noise.shared_by) {
    case SharedBy::trunk:
      simulation.noise_trunk_share = noise.group_share;
      return;
    case SharedBy::shape:  // of one seed
      simulation.noise_seed_share = noise.group_share;
      return;
    case SharedBy::seed:
      fail_config("--group-by seed: cannot go with --tuned, whose runs share noise by shape or by trunk");
  }
}

/// Degrees of freedom of the noise that a design's replicates show: its seeds at every point, and its branching checks.
std::int64_t seed_freedom(const StudyConfig& config, const std::vector<Observation>& points) {
  std::set<std::string> shapes;
  for (const Observation& point : points) shapes.insert(point.shape);
  const std::int64_t freedom = (std::ssize(config.design.seeds) - 1) * std::ssize(points) +
                               std::max<std::int64_t>(config.design.branch_checks - 1, 0) * std::ssize(shapes);
  return freedom >= kFewestSeedFreedom ? freedom : 0;
}

ExitCode coverage_action(const Globals& globals, const CoverageArguments& arguments) {
  const StudyConfig config = read_config_options(arguments.config);
  const Plan plan = make_plan(config, nullptr);
  std::optional<Law> fit_law;
  if (is_fit_file(arguments.law)) fit_law = loss_law_of_fit(arguments.law);
  SimulationSpec simulation = simulation_of(config, arguments.law, fit_law);
  std::vector<RunSpec> specs;
  for (const PlannedRun& run : plan.runs) specs.push_back(run.spec);
  if (const Law* named = find_published_law(arguments.law); named != nullptr && named->form().predicts_size) {
    fail_config("coverage: the law '{}' gives the optimal size, not a loss, so it cannot be simulated", named->name);
  }
  const std::string anchored =
      settle_simulation(simulation, config, specs,
                        {.config_folder = std::filesystem::path(arguments.config.config).parent_path(),
                         .study_folders = {std::filesystem::path("studies") / config.name}});
  Law law = simulation_law(simulation);
  if (fit_law) law.name = fit_law->name;
  CoverageOptions options = arguments.coverage;
  options.fit.law = config.analysis.law;
  options.fit.method = arguments.method;
  options.fit.convention = config.analysis.convention;
  options.fit.threads = globals.threads;
  options.fit.bootstrap.replicates = arguments.replicates.value_or(200);
  options.fit.bootstrap.resample = arguments.resample.value_or(config.analysis.resample);
  options.noise.sd = arguments.noise.value_or(config.simulation.noise);
  options.noise.exponent = config.simulation.noise_exponent;
  options.noise.at_nats = config.simulation.noise_at_nats;

  const bool parametric = options.fit.method == Method::parametric;
  if (!parametric && !options.laws.empty()) fail_config("--laws: belongs to --method parametric");
  const bool choose = config.analysis.choose_law && options.fit.law == LawKind::chinchilla;
  if (options.laws.empty() && choose && parametric) options.laws = {LawKind::chinchilla, LawKind::outer};

  simulation.noise = options.noise.sd;
  if (arguments.tuned) {
    options.tuned = TunedDesign{.runs = plan.runs, .simulation = simulation, .lr_extend = config.design.lr_extend};
    share_noise(options.noise, options.tuned->simulation);
  }
  const std::vector<Observation> points =
      tuned_design_points(plan.runs, simulation, config.analysis.convention, config.design.lr_extend);
  options.seed_freedom = arguments.seed_freedom.value_or(seed_freedom(config, points));
  Coverage result = coverage(points, law, options);
  if (!anchored.empty()) result.notes.push_back(anchored);
  const std::string beyond = fit_law ? beyond_fit(*fit_law, simulation, specs) : "";
  if (!beyond.empty()) result.notes.push_back(beyond);
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
  command->add_option(
      "--law", arguments->law,
      "law that is true: a published set (scalelaw laws) or a fit file; default: that of the config's [simulation]");
  command->add_option("--studies", options.studies, "simulated studies");
  command->add_option("--noise", arguments->noise,
                      "standard deviation of ln loss of a point, its learning rate tuned; default: simulation.noise");
  command->add_option("--group-share", options.noise.group_share,
                      "share of that variance which the runs of a unit (--group-by) have in common, 0 to 1");
  add_named(*command, "--group-by", options.noise.shared_by, "the unit: points of a trunk, a shape or a seed");
  command
      ->add_option("--seed-freedom", arguments->seed_freedom,
                   "degrees of freedom with which seeds show that noise; default: those of the design, 0 below 3")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--tuned", arguments->tuned,
                    "simulate every run, wrong rates and all, and tune; --noise is then that of a run");
  add_laws(*command, options.laws, laws_to_choose_from());
  add_named(*command, "--method", arguments->method, "how each study is fitted");
  command->add_option("--bootstrap", arguments->replicates, "refits behind each interval; default 200");
  add_named(*command, "--resample", arguments->resample, "what they resample; default: analysis.resample");
  command->add_option("--seed", options.seed, "seed of simulations and resampling");
  command->callback([arguments, &globals, &action] {
    action = [arguments, &globals] { return coverage_action(globals, *arguments); };
  });
}

}  // namespace scalelaw::cli
