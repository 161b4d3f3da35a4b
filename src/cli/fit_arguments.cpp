#include "cli/fit_arguments.hpp"

#include <algorithm>

#include "cli/named_option.hpp"
#include "os/error.hpp"

namespace scalelaw::cli {
namespace {

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

}  // namespace

void add_law_fit_options(CLI::App& command, FitArguments& arguments) {
  FitOptions& options = arguments.options;
  add_named(command, "--convention", options.convention.params, "what counts as N in run records");
  add_named(command, "--compute", options.convention.flops, "what counts as C in run records");
  command.add_option("--bootstrap", options.bootstrap.replicates, "bootstrap replicates; 0 = none")
      ->check(CLI::Range(0, 10000000))
      ->capture_default_str();
  add_named(command, "--resample", options.bootstrap.resample,
            "what is resampled; auto: components where few runs share shapes or trunks, groups where many do, else "
            "parametric where runs are few, else runs");
  command.add_option("--seed", options.bootstrap.seed, "seed of the bootstrap")->capture_default_str();
  command.add_option("--fix", arguments.fix, "hold a parameter: alpha=0.35; may be repeated");
  command.add_flag("--offset", options.offset, "power laws: fit an irreducible loss E as well");
  command
      .add_option_function<std::string>(
          "--starts", [&options](const std::string& text) { options.starts = starts_named(text); },
          "projection, grid (4,500 starts) or a published law: the minimum nearest to it")
      ->default_str(std::string(name_of(options.starts.kind)));
  command
      .add_option("--max-evaluations", options.max_evaluations,
                  "evaluations of the objective per start before giving up")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command.add_option("--min-steps", arguments.min_steps, "leave out runs with fewer optimizer steps")
      ->capture_default_str();
  command
      .add_option("--critical-batch", options.critical_batch.tokens,
                  "kaplan-steps: B* of the critical batch B*/L^(1/alpha), tokens")
      ->transform(count_number())
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      .add_option("--critical-batch-alpha", options.critical_batch.alpha, "kaplan-steps: alpha of the critical batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command.add_option("--holdout-above", arguments.holdout_above, "fit up to these FLOPs, predict the rest")
      ->transform(count_number())
      ->check(CLI::PositiveNumber);
}

void take_options(FitArguments& arguments, const Globals& globals) {
  arguments.options.fixed = parse_fixed(arguments.fix);
  arguments.options.threads = globals.threads;
  arguments.options.holdout_above = arguments.holdout_above;
}

void take_study(FitArguments& arguments, const std::vector<FitSources>& parts, const CLI::App& command) {
  arguments.options.hold = parts.front().hold;
  if (command.count("--min-steps") > 0 || !parts.front().min_steps) return;
  const bool tables = std::ranges::any_of(parts, [](const FitSources& part) { return !part.points.empty(); });
  if (!tables) arguments.min_steps = *parts.front().min_steps;
}

}  // namespace scalelaw::cli
