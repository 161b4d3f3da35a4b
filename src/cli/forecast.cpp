// scalelaw forecast: a dated prediction of a run that is still to be made, and its score.
#include "alloc/forecast.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>

#include "cli/cli.hpp"
#include "cli/fit_arguments.hpp"
#include "cli/fit_budgets.hpp"
#include "cli/fit_choice.hpp"
#include "cli/fit_input.hpp"
#include "cli/law_source.hpp"
#include "cli/named_option.hpp"
#include "cli/study_common.hpp"
#include "cli/terminal.hpp"
#include "core/build_info.hpp"
#include "core/format.hpp"
#include "fit/fit.hpp"
#include "os/files.hpp"
#include "study/store.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

struct ForecastArguments {
  FitArguments fit;
  ForecastRequest request;
  std::string out;
  std::string score;  ///< a forecast's file: the inputs are runs to score it by
};

bool holds_a_fit(const std::string& input) {
  if (!is_fit_file(input) || !fs::is_regular_file(input)) return false;
  const Json value = read_json_file(input);
  const auto schema = value.is_object() ? value.find("schema") : value.end();
  return schema != value.end() && *schema == kFitSchema;
}

/// The files behind an input: itself; of a folder its study.toml and records.
std::vector<ForecastInput> files_of(const std::string& input) {
  const auto hashed = [](const fs::path& file) {
    return ForecastInput{.file = file.string(), .sha256 = sha256_hex(read_text_file(file))};
  };
  if (!fs::is_directory(input)) return {hashed(input)};
  std::vector<ForecastInput> out;
  if (fs::exists(config_path(input))) out.push_back(hashed(config_path(input)));
  const fs::path runs = fs::is_directory(fs::path(input) / "runs") ? fs::path(input) / "runs" : fs::path(input);
  for (const auto& entry : fs::directory_iterator(runs)) {
    if (entry.path().extension() == ".json") out.push_back(hashed(entry.path()));
  }
  std::ranges::sort(out, {}, &ForecastInput::file);
  return out;
}

std::vector<ForecastInput> files_of(const std::vector<std::string>& inputs) {
  std::vector<ForecastInput> out;
  for (const std::string& input : inputs) {
    const std::vector<ForecastInput> files = files_of(input);
    out.insert(out.end(), files.begin(), files.end());
  }
  return out;
}

void check_inputs(const std::vector<std::string>& inputs) {
  for (const std::string& input : inputs) {
    if (input == "-") fail_config("forecast: -: a forecast names its inputs by their hash; give a file or a folder");
    if (!fs::exists(input)) fail_data("{}: there is no such file or folder", input);
  }
}

/// What was read of the inputs, which must be one part: N and C counted in one way.
FitSources one_source(const std::vector<std::string>& inputs, const FitArguments& fit) {
  ReadOptions read = read_options(fit.read);
  read.convention = fit.options.convention;
  std::vector<FitSources> parts = split_by_counting(read_fit_sources(inputs, read, fit.population));
  if (parts.size() == 1) return parts.front();
  fail_data("{}: its rows count N and C, or the loss, in {} ways; give those of one", inputs.front(), parts.size());
}

/// The fit that the forecast rests on: a fit file, or one made as scalelaw fit does.
FitResult fit_of(ForecastArguments& arguments, const Globals& globals, const CLI::App& command, std::string& said) {
  FitArguments& fit = arguments.fit;
  if (fit.inputs.size() == 1 && holds_a_fit(fit.inputs.front())) {
    for (const char* name : {"--law", "--objective", "--delta", "--drop-highest", "--weights", "--fix", "--bootstrap",
                             "--resample", "--seed", "--holdout-above"}) {
      if (command.count(name) > 0)
        fail_config("{}: {} is a fit already; give the runs, or leave it out", name, fit.inputs.front());
    }
    return read_fit_file(fit.inputs.front());
  }
  const FitSources source = one_source(fit.inputs, fit);
  take_study(fit, {source}, command);
  take_laws(fit, source, command);
  settle_law(fit, source);
  const FitInput input = observe_sources(source, fit.options.convention, fit.min_steps, false);
  said = read_text({source}) + describe_selection(input);
  FitOptions options = fit.options;
  options.profile = false;
  if (!options.noise) options.noise = input.noise;
  const std::vector<Observation> budgeted = budgeted_points(fit.inputs, source, fit.min_steps);
  explain(globals, fmt::format("fits {} to {}", options.law, counted(std::ssize(input.points), "point")));
  return fit_points(with_budgets_held(input.points, budgeted, options), options);
}

std::string default_name(const std::string& created) {
  std::string name = "forecast-" + created + ".json";
  std::erase(name, ':');
  return name;
}

ExitCode run_forecast(ForecastArguments arguments, const Globals& globals, const CLI::App& command) {
  FitArguments& fit = arguments.fit;
  check_inputs(fit.inputs);
  take_options(fit, globals);
  const std::string created = utc_now();
  const std::string out = arguments.out.empty() ? default_name(created) : arguments.out;
  const auto refuse_existing = [&] {
    if (fs::exists(out)) {
      fail_config("{}: is there already, and a forecast is never overwritten; give another --out", out);
    }
  };
  refuse_existing();
  std::string said;
  const FitResult result = fit_of(arguments, globals, command, said);
  Forecast made = forecast(result, arguments.request);
  const BuildInfo build = build_info();
  made.created = created;
  made.version = build.version + (build.git.empty() ? "" : " (" + build.git + ")");
  made.inputs = files_of(fit.inputs);
  made.fit.fixed = fit.options.fixed;
  made.fit.hold = fit.options.hold;
  made.fit.holdout_above = fit.options.holdout_above;
  if (!holds_a_fit(fit.inputs.front())) made.fit.min_steps = fit.min_steps;
  refuse_existing();
  write_json_file(out, to_json(made));
  print(globals, said + describe(made) + fmt::format("written to {}\n", out));
  for (const std::string& line : result.cautions) print(globals, "caution: " + line + "\n");
  emit_json(globals, to_json(made));
  return ExitCode::ok;
}

/// Whether the fit behind a forecast was made without the runs of this compute.
bool kept_out(const ForecastFit& fit, double flops) {
  return (fit.holdout_above && flops > *fit.holdout_above) ||
         std::ranges::any_of(fit.hold, [&](double hold) { return same_budget(flops, hold); });
}

/// Says which files that hold a run of the score were among the inputs of the forecast.
std::vector<std::string> known_inputs(const Forecast& made, const std::vector<std::string>& inputs,
                                      const FitSources& source) {
  std::set<std::string> scored;  // ids of the records at the point
  for (const RunRecord& record : source.records) {
    const std::optional<Observation> run = observe(record, made.convention);
    if (run && at_point(made, *run)) scored.insert(record.id);
  }
  std::vector<std::string> known;
  for (const std::string& input : inputs) {
    for (const ForecastInput& file : files_of(input)) {
      if (fs::is_directory(input) && !scored.contains(fs::path(file.file).stem().string())) continue;
      if (std::ranges::find(made.inputs, file.sha256, &ForecastInput::sha256) != made.inputs.end())
        known.push_back(file.file);
    }
  }
  if (known.empty()) return {};
  return {fmt::format("{}{} among the inputs of the forecast: what it was fitted to is no test of it", known.front(),
                      known.size() > 1 ? fmt::format(" and {} more files are", known.size() - 1) : " is")};
}

ExitCode run_score(ForecastArguments arguments, const Globals& globals, const CLI::App& command) {
  for (const char* name :
       {"--params", "--tokens", "--flops", "--out", "--law", "--objective", "--delta", "--drop-highest", "--weights",
        "--fix", "--bootstrap", "--resample", "--seed", "--holdout-above", "--convention", "--compute"}) {
    if (command.count(name) > 0) fail_config("{}: the forecast of --score has all that; leave it out", name);
  }
  check_inputs(arguments.fit.inputs);
  check_inputs({arguments.score});
  const Forecast made = forecast_from_json(read_json_file(arguments.score), arguments.score);
  FitArguments& fit = arguments.fit;
  fit.options.convention = made.convention;
  if (command.count("--min-steps") == 0) fit.min_steps = 0;
  const FitSources source = one_source(fit.inputs, fit);
  const FitInput input = observe_sources(source, made.convention, fit.min_steps, false);
  ForecastScore result = score(made, input.points);
  const bool all_new =
      std::ranges::all_of(result.runs, [&](const ScoredRun& run) { return kept_out(made.fit, run.flops); });
  if (!all_new) result.cautions = known_inputs(made, fit.inputs, source);
  print(globals, describe(result));
  emit_json(globals, to_json(result));
  return ExitCode::ok;
}

}  // namespace

void add_forecast(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command =
      app.add_subcommand("forecast", "write down the loss of a run before it is made, and score that once it is there");
  auto arguments = std::make_shared<ForecastArguments>();
  FitArguments& fit = arguments->fit;
  fit.options.bootstrap.replicates = kDefaultReplicates;
  command
      ->add_option("input", fit.inputs,
                   "tables of runs, study folders, record files, or one fit file; with --score the runs to score by")
      ->required();
  command->add_option("--params", arguments->request.params, "parameters N of the run")->transform(count_number());
  command->add_option("--tokens", arguments->request.tokens, "training tokens D of the run")->transform(count_number());
  command->add_option("--flops", arguments->request.flops, "its compute C instead: the law's optimum there")
      ->transform(count_number());
  command->add_option("--out", arguments->out, "file to write; default: forecast-TIME.json, never overwritten");
  command->add_option("--score", arguments->score, "a forecast's file: compare it with the runs of the inputs");
  add_law_kind(*command, fit.options.law, "law to fit")->default_str(std::string(name_of(fit.options.law)));
  add_named(*command, "--objective", fit.options.objective.kind, "what is minimised");
  command->add_option("--delta", fit.options.objective.delta, "where log-huber turns from squares to absolute values")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--drop-highest", fit.options.drop_highest, "leave out the K highest losses")
      ->check(CLI::NonNegativeNumber);
  add_named(*command, "--weights", fit.options.weights,
            "stderr: weight points by the inverse variance of their losses");
  add_read_options(*command, fit.read);
  add_law_fit_options(*command, fit);
  add_population_options(*command, fit.population);
  command->callback([arguments, &globals, &action, command] {
    action = [arguments, &globals, command] {
      return arguments->score.empty() ? run_forecast(*arguments, globals, *command)
                                      : run_score(*arguments, globals, *command);
    };
  });
}

}  // namespace scalelaw::cli
