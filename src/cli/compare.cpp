// scalelaw compare: do the exponents of two sources differ?
#include "inference/compare.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/compare_source.hpp"
#include "cli/law_source.hpp"
#include "cli/named_option.hpp"
#include "cli/read_options.hpp"
#include "cli/study_common.hpp"
#include "cli/terminal.hpp"
#include "law/published.hpp"
#include "report/figures.hpp"
#include "report/figures_compare.hpp"
#include "report/gnuplot.hpp"

namespace scalelaw::cli {
namespace {

struct CompareArguments {
  std::string first, second;
  std::optional<ParamsCount> convention;
  ReadArguments read;
  double noise = 0;
  std::string margin;
  std::string plot;
  bool multiplier = false, shared_exponents = false;
  std::vector<double> losses;
  PopulationChoice population;
  CompareOptions compare;
};

/// A published law, or that of a fit file; none for anything else.
std::optional<Law> law_of(const std::string& name) {
  if (const Law* published = find_published_law(name)) return *published;
  if (!is_fit_file(name) || !std::filesystem::is_regular_file(name)) return std::nullopt;
  const Json value = read_json_file(name);
  if (!value.is_object() || value.value("schema", Json()) != kFitSchema) return std::nullopt;
  return loss_law_of_fit(name);
}

/// The format by the file's ending; none where that is of no format.
std::optional<FigureFormat> format_of(const std::filesystem::path& file) {
  const std::string ending = file.extension().string();
  return ending.empty() ? std::nullopt : find_named<FigureFormat>(std::string_view(ending).substr(1));
}

/// Draws into FILE.svg, FILE.png or FILE.pdf. Errors (data): there is nothing to draw.
void draw_comparison(const Comparison& comparison, const std::filesystem::path& file, const Globals& globals) {
  const Figure figure = comparison_figure(comparison);
  if (figure.panels.empty()) fail_data("compare: no exponent has a verdict, so {} was not drawn", file.string());
  draw_figure(figure, file, *format_of(file));
  print(globals, fmt::format("plot: {}\n", file.string()));
}

/// Errors (config): another ending than that of a format.
void check_plot(const std::string& file) {
  if (!format_of(file)) {
    fail_config("compare: --plot {}: the file's name must end in .svg, .png or .pdf", file);
  }
}

CompareSourceOptions source_options(const CompareArguments& arguments) {
  const FitOptions& fit = arguments.compare.fit;
  CompareSourceOptions options{.read = read_options(arguments.read),
                               .population = arguments.population,
                               .convention = fit.convention,
                               .isoflop = fit.method == Method::isoflop,
                               .groups = fit.bootstrap.resample == Resample::groups};
  options.read.convention = fit.convention;
  options.read.convention_optional = !arguments.convention;
  options.read.any_sign = fit.objective.kind == ObjectiveKind::mse;
  return options;
}

/// Reads the sources, the second one unless it is `law`, and compares them.
Comparison compared(const CompareArguments& arguments, const std::optional<Law>& law) {
  CompareOptions options = arguments.compare;
  const CompareSourceOptions reading = source_options(arguments);
  CompareSource first = read_compare_source(arguments.first, reading), second;
  if (!law) second = read_compare_source(arguments.second, reading);
  if (first.name == second.name) {
    first.name = arguments.first;
    second.name = arguments.second;
  }
  const auto same = [](const Observation& a, const Observation& b) {
    return a.params == b.params && a.tokens == b.tokens && a.loss_nats == b.loss_nats;
  };
  if (!law && std::ranges::equal(first.points, second.points, same)) {
    first.notes.push_back(
        fmt::format("{} and {} hold the same runs: there is nothing to tell apart", first.name, second.name));
  }
  options.largest_loss = first.largest_loss;
  if (second.largest_loss > 0 && (second.largest_loss < first.largest_loss || first.largest_loss == 0)) {
    options.largest_loss = second.largest_loss;
  }
  options.fit.noise = first.noise;
  options.second_noise = second.noise;
  options.first_counted = first.counted;
  options.second_counted = second.counted;
  if (!first.counted.empty() && !arguments.convention) options.fit.convention = {};  // as fit has it
  Comparison comparison = law ? compare_with_law(first.name, first.points, *law, arguments.noise, options)
                              : compare_observations(first.name, first.points, second.name, second.points, options);
  std::vector<std::string> simulated = first.simulated;
  simulated.insert(simulated.end(), second.simulated.begin(), second.simulated.end());
  comparison.notes.insert(comparison.notes.begin(), simulated.begin(), simulated.end());
  for (const CompareSource* source : {&first, &second}) {
    comparison.notes.insert(comparison.notes.end(), source->notes.begin(), source->notes.end());
  }
  return comparison;
}

/// The multiplier against the loss, with what belongs to it. Errors (config): options that nothing would come of.
void take_multiplier(CompareArguments& arguments, bool law) {
  if (!arguments.multiplier) {
    if (arguments.shared_exponents) fail_config("compare: --shared-exponents: belongs to --multiplier");
    if (!arguments.losses.empty()) fail_config("compare: --losses: belongs to --multiplier");
    return;
  }
  if (law) {
    fail_config(
        "compare: --multiplier: compares two sets of runs; the losses of a published law are those of another text");
  }
  if (!arguments.plot.empty()) fail_config("compare: --plot: draws the exponents; leave out --multiplier");
  arguments.compare.multiplier = {.shared_exponents = arguments.shared_exponents, .losses = arguments.losses};
}

ExitCode answer_multiplier(const Globals& globals, const Comparison& comparison) {
  print(globals, describe_multipliers(comparison) + cautions_text(comparison));
  emit_json(globals, to_json(comparison));
  const std::string failure = !comparison.failure.empty()    ? comparison.failure
                              : !comparison.loss_multipliers ? "no fit gives a multiplier"
                                                             : comparison.loss_multipliers->failure;
  if (failure.empty()) return ExitCode::ok;
  complain(globals, "error: no compute multiplier: " + failure);
  return ExitCode::data;
}

ExitCode compare(const Globals& globals, CompareArguments arguments) {
  if (!arguments.plot.empty()) check_plot(arguments.plot);
  if (!arguments.margin.empty()) arguments.compare.margin = parse_margin(arguments.margin);
  std::optional<Law> first_law = law_of(arguments.first), second_law = law_of(arguments.second);
  if (first_law && second_law) {
    fail_config("compare: {} and {} are both laws; one of the two must be a study folder or a CSV", arguments.first,
                arguments.second);
  }
  if (arguments.first == "-" && arguments.second == "-") {
    fail_config("compare: both sources are standard input ('-'), which holds one; give the other as a file");
  }
  if (first_law) {  // the points come first
    std::swap(arguments.first, arguments.second);
    std::swap(first_law, second_law);
  }
  take_multiplier(arguments, second_law.has_value());
  FitOptions& fit_options = arguments.compare.fit;
  fit_options.threads = globals.threads;
  fit_options.bootstrap.seed = arguments.compare.seed;
  const ParamsCount usual = second_law ? second_law->convention.params : ParamsCount::total;
  fit_options.convention.params = arguments.convention.value_or(usual);
  const Comparison comparison = compared(arguments, second_law);
  if (arguments.multiplier) return answer_multiplier(globals, comparison);
  print(globals, describe(comparison) + cautions_text(comparison));
  const bool any = comparison.failure.empty();
  if (any && !arguments.plot.empty()) draw_comparison(comparison, arguments.plot, globals);
  emit_json(globals, to_json(comparison));
  if (any) return ExitCode::ok;
  complain(globals, "error: nothing could be compared: " + comparison.failure);
  return ExitCode::data;
}

}  // namespace

void add_compare(CLI::App& app, const Globals& globals, Action& action) {
  auto arguments = std::make_shared<CompareArguments>();
  CompareOptions& options = arguments->compare;
  CLI::App* command = app.add_subcommand("compare", "do the exponents of two sources differ, by the same estimator?");
  command->add_option("A", arguments->first, "study folder, table of runs ('-': standard input), fit file or law")
      ->required();
  command->add_option("B", arguments->second, "the same; a law is simulated at the points of the other")->required();
  add_law_kind(*command, options.fit.law, "law fitted to both");
  add_named(*command, "--method", options.fit.method, "how it is fitted");
  add_named(*command, "--objective", options.fit.objective.kind, "what is minimised");
  command->add_option("--delta", options.fit.objective.delta, "where the Huber objective becomes linear")
      ->check(CLI::PositiveNumber);
  command->add_option("--drop-highest", options.fit.drop_highest, "leave out the K highest losses")
      ->check(CLI::NonNegativeNumber);
  add_named(*command, "--convention", arguments->convention,
            "what counts as N; default: as the law counts, in a table as it counts itself");
  add_read_options(*command, arguments->read);
  command->add_option(
      "--margin", arguments->margin,
      "differences up to this are equivalent: 10% is a share of the exponent (default), 0.05 a difference");
  command->add_option("--flops", options.flops, "budgets of the compute multiplier; default: powers of ten of both");
  command->add_flag("--multiplier", arguments->multiplier,
                    "how many times less compute B needs for A's loss, against the loss, instead of exponents");
  command->add_flag("--shared-exponents", arguments->shared_exponents,
                    "multiplier: both fitted at once, everything in common but the amplitudes; default: each its own");
  command
      ->add_option("--losses", arguments->losses, "multiplier: at these losses; default: five that both have reached")
      ->check(CLI::PositiveNumber)
      ->delimiter(',');
  command->add_option("--studies", options.studies,
                      "simulated studies, or bootstrap replicates between two sets of points");
  command->add_option("--noise", arguments->noise, "known standard deviation of ln loss; default: from the residuals");
  command->add_flag("!--keep-amplitudes", options.reanchor, "simulate the published amplitudes as they are");
  command->add_option("--bootstrap", options.fit.bootstrap.replicates,
                      "replicates for the intervals of the first source");
  add_named(*command, "--resample", options.fit.bootstrap.resample, "what the bootstrap draws");
  add_population_options(*command, arguments->population);
  command->add_option("--plot", arguments->plot, "draw the comparison into this file: .svg, .png or .pdf");
  command->add_option("--seed", options.seed, "seed of simulations and resampling");
  command->callback(
      [arguments, &globals, &action] { action = [arguments, &globals] { return compare(globals, *arguments); }; });
}

}  // namespace scalelaw::cli
