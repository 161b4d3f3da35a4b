// scalelaw fit: observations or records in, a fitted law out.
#include "fit/fit.hpp"

#include <algorithm>
#include <filesystem>

#include "cli/cli.hpp"
#include "core/format.hpp"
#include "core/json.hpp"
#include "fit/select.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

struct FitArguments {
  std::vector<std::string> inputs;
  std::string law = "chinchilla", objective = "log-huber";
  std::string columns;
  std::vector<std::string> fix;
  double holdout_above = 0;
  std::int64_t min_steps = 150;
  bool all = false;
  FitOptions options;
};

/// What was read: tuned observations under a convention, and what selection left out.
struct Input {
  std::vector<Observation> points;
  std::vector<Exclusion> excluded;
  std::vector<LrSweep> sweeps;
};

std::map<std::string, std::string> parse_columns(const std::string& text) {
  std::map<std::string, std::string> out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      fail_config("--columns '{}': write OURS=THEIRS, for example params=N,tokens=D,loss=val_loss", item);
    }
    out[item.substr(0, equals)] = item.substr(equals + 1);
    begin = end + 1;
  }
  return out;
}

std::map<std::string, double> parse_fixed(const std::vector<std::string>& items) {
  std::map<std::string, double> out;
  for (const std::string& item : items) {
    const std::size_t equals = item.find('=');
    double value = 0;
    if (equals == std::string::npos || !CLI::detail::lexical_cast(item.substr(equals + 1), value)) {
      fail_config("--fix '{}': write PARAMETER=NUMBER, for example alpha=0.35", item);
    }
    out[item.substr(0, equals)] = value;
  }
  return out;
}

std::vector<fs::path> record_files(const fs::path& folder) {
  const fs::path runs = fs::is_directory(folder / "runs") ? folder / "runs" : folder;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(runs)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.empty()) {
    fail_data("{}: no run records (*.json) in it; give a study folder, record files or a CSV of observations",
              runs.string());
  }
  return files;
}

/// Records of all inputs that hold records, and observations of all that are CSV files.
struct Sources {
  std::vector<RunRecord> records;
  std::vector<Observation> points;
};

Sources read_sources(const FitArguments& arguments) {
  Sources sources;
  const auto columns = parse_columns(arguments.columns);
  const auto add_record = [&](const fs::path& file) {
    sources.records.push_back(record_from_json(read_json_file(file), file.string()));
  };
  for (const std::string& input : arguments.inputs) {
    const fs::path path(input);
    if (fs::is_directory(path)) {
      for (const auto& file : record_files(path)) add_record(file);
    } else if (path.extension() == ".json") {
      add_record(path);
    } else {
      const auto points = read_observations(path, columns);
      sources.points.insert(sources.points.end(), points.begin(), points.end());
    }
  }
  return sources;
}

Input observe_sources(const Sources& sources, const Convention& convention, std::int64_t min_steps) {
  Selection selection = select_observations(sources.records, {.convention = convention, .min_steps = min_steps});
  Input input{
      .points = sources.points, .excluded = std::move(selection.excluded), .sweeps = std::move(selection.sweeps)};
  input.points.insert(input.points.end(), selection.observations.begin(), selection.observations.end());
  return input;
}

std::string describe_selection(const Input& input) {
  std::string text;
  const auto edges = std::ranges::count_if(input.sweeps, [](const LrSweep& s) { return s.status.starts_with("edge"); });
  if (!input.sweeps.empty()) {
    text += fmt::format("{} (shape, tokens) pairs tuned over the learning rate", input.sweeps.size());
    if (edges > 0) text += fmt::format(", {} with the best rate on the edge of the sweep", edges);
    text += "\n";
  }
  for (const Exclusion& e : input.excluded) text += fmt::format("left out: {}: {}\n", e.run, e.reason);
  return text;
}

Json excluded_json(const Input& input) {
  Json out = Json::array();
  for (const Exclusion& e : input.excluded) out.push_back({{"run", e.run}, {"reason", e.reason}});
  return out;
}

ExitCode finish(const FitResult& result) {
  const std::string& status = result.convergence.status;
  if (status == "converged" || status == "at_bound") return ExitCode::ok;
  fmt::print(stderr, "error: the fit is {}: {}\n", status, result.message);
  return ExitCode::data;
}

ExitCode fit_one(const FitArguments& arguments, const Globals& globals) {
  const Input input = observe_sources(read_sources(arguments), arguments.options.convention, arguments.min_steps);
  const FitResult result = fit(input.points, arguments.options);
  print(globals, describe_selection(input) + describe(result));
  Json json = to_json(result);
  if (!input.excluded.empty()) json["excluded"] = excluded_json(input);
  emit_json(globals, json);
  return finish(result);
}

std::string exponent_text(const FitResult& r, const std::string& name) {
  if (!r.derived.contains(name)) return "-";
  std::string text = fmt::format("{:.4f}", r.derived.at(name));
  const auto it = r.bootstrap.derived_ci95.find(name);
  if (it != r.bootstrap.derived_ci95.end()) text += fmt::format(" [{:.3f}, {:.3f}]", it->second.low, it->second.high);
  return text;
}

/// All three approaches under every convention that the input allows, side by side.
ExitCode fit_all(const FitArguments& arguments, const Globals& globals) {
  const Sources sources = read_sources(arguments);
  std::vector<Convention> conventions = {
      {"total", "6nd"}, {"total", "exact"}, {"non_embedding", "6nd"}, {"effective", "6nd"}};
  if (sources.records.empty()) conventions = {arguments.options.convention};  // a CSV holds one N and one C
  Json fits = Json::array();
  std::vector<std::vector<std::string>> rows;
  bool any = false;
  std::string left_out;
  for (const Convention& convention : conventions) {
    const Input input = observe_sources(sources, convention, arguments.min_steps);
    left_out = describe_selection(input);
    for (const auto& [method, curve] : {std::pair("envelope", "parabola"), std::pair("isoflop", "parabola"),
                                        std::pair("isoflop", "makima"), std::pair("parametric", "parabola")}) {
      FitOptions options = arguments.options;
      options.method = method;
      options.curve = curve;
      options.convention = convention;
      if (options.method != "parametric" && options.bootstrap.resample == "parametric")
        options.bootstrap.resample = "runs";
      const FitResult result = fit(input.points, options);
      any = any || result.converged();
      const std::string name = options.method == "isoflop" ? fmt::format("{}, {}", method, curve) : method;
      rows.push_back({name, convention.params, convention.flops, exponent_text(result, "a"), exponent_text(result, "b"),
                      std::to_string(result.n),
                      result.converged() ? "converged" : "NOT CONVERGED: " + result.convergence.status});
      fits.push_back(to_json(result));
    }
  }
  print(globals, left_out + text_table({"approach", "N", "C", "a: N* ~ C^a", "b: D* ~ C^b", "n", "status"}, rows));
  emit_json(globals, {{"schema", "scalelaw.fits/1"}, {"fits", fits}});
  if (any) return ExitCode::ok;
  fmt::print(stderr, "error: no approach converged on these data; the table names each one's reason\n");
  return ExitCode::data;
}

ExitCode run_fit(FitArguments arguments, const Globals& globals, bool holdout) {
  static const std::map<std::string, ObjectiveKind> objectives = {
      {"log-huber", ObjectiveKind::log_huber}, {"log-mse", ObjectiveKind::log_mse}, {"mse", ObjectiveKind::mse}};
  FitOptions& options = arguments.options;
  options.law = law_kind(arguments.law);
  options.objective.kind = objectives.at(arguments.objective);
  options.fixed = parse_fixed(arguments.fix);
  options.threads = globals.threads;
  if (holdout) options.holdout_above = arguments.holdout_above;
  return arguments.all ? fit_all(arguments, globals) : fit_one(arguments, globals);
}

}  // namespace

void add_fit(CLI::App& app, const Globals& globals, Action& action) {
  CLI::App* command = app.add_subcommand("fit", "fit a scaling law to observations or run records");
  auto arguments = std::make_shared<FitArguments>();
  FitOptions& options = arguments->options;
  command->add_option("input", arguments->inputs, "CSV files of observations, study folders, record files")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("--law", arguments->law, "law to fit")->capture_default_str();
  command->add_option("--method", options.method, "approach 3, 2 or 1 of Hoffmann et al. 2022")
      ->check(CLI::IsMember({"parametric", "isoflop", "envelope"}))
      ->capture_default_str();
  command->add_option("--objective", arguments->objective, "what is minimised")
      ->check(CLI::IsMember({"log-huber", "log-mse", "mse"}))
      ->capture_default_str();
  command->add_option("--delta", options.objective.delta, "where log-huber turns from squares to absolute values")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--drop-highest", options.drop_highest, "leave out the K highest losses")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--columns", arguments->columns, "names of the file's columns: params=N,tokens=D,loss=val_loss");
  command->add_option("--weights", options.weights, "stderr: weight points by the inverse variance of their losses")
      ->check(CLI::IsMember({"none", "stderr"}))
      ->capture_default_str();
  command->add_option("--curve", options.curve, "isoflop: curve of loss against ln N")
      ->check(CLI::IsMember({"parabola", "makima"}))
      ->capture_default_str();
  command->add_flag("--jackknife", options.jackknife, "refit without each isoFLOP budget in turn");
  command->add_option("--convention", options.convention.params, "what counts as N in run records")
      ->check(CLI::IsMember({"total", "non_embedding", "effective"}))
      ->capture_default_str();
  command->add_option("--compute", options.convention.flops, "what counts as C in run records")
      ->check(CLI::IsMember({"6nd", "exact"}))
      ->capture_default_str();
  command->add_option("--bootstrap", options.bootstrap.replicates, "bootstrap replicates; 0 = none")
      ->check(CLI::Range(0, 10000000));
  command->add_option("--resample", options.bootstrap.resample, "what is resampled")
      ->check(CLI::IsMember({"runs", "groups", "parametric"}))
      ->capture_default_str();
  command->add_option("--seed", options.bootstrap.seed, "seed of the bootstrap")->capture_default_str();
  command->add_option("--fix", arguments->fix, "hold a parameter: alpha=0.35; may be repeated");
  command->add_flag("--offset", options.offset, "power laws: fit an irreducible loss E as well");
  command
      ->add_option("--starts", options.starts,
                   "projection, grid (4,500 starts) or a published law: the minimum nearest to it")
      ->capture_default_str();
  command
      ->add_option("--max-evaluations", options.max_evaluations,
                   "evaluations of the objective per start before giving up")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_option("--min-steps", arguments->min_steps, "leave out runs with fewer optimizer steps")
      ->capture_default_str();
  CLI::Option* holdout =
      command->add_option("--holdout-above", arguments->holdout_above, "fit up to these FLOPs, predict the rest")
          ->check(CLI::PositiveNumber);
  command->add_flag("--all", arguments->all, "all three approaches under every convention, side by side");
  command->callback([arguments, &globals, &action, holdout] {
    action = [arguments, &globals, given = holdout->count() > 0] { return run_fit(*arguments, globals, given); };
  });
}

}  // namespace scalelaw::cli
