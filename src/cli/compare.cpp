// scalelaw compare: do the exponents of two sources differ?
#include "inference/compare.hpp"

#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/fit_input.hpp"
#include "cli/law_source.hpp"
#include "cli/read_options.hpp"
#include "cli/study_common.hpp"
#include "core/format.hpp"
#include "fit/select.hpp"
#include "report/figures.hpp"
#include "report/gnuplot.hpp"
#include "study/members.hpp"

namespace scalelaw::cli {
namespace {

struct CompareArguments {
  std::string first, second;
  std::string law = "chinchilla";
  std::string objective = "log-huber";
  std::string convention;
  ReadArguments read;
  double noise = 0;
  std::string margin;
  std::string plot;
  PopulationChoice population;
  CompareOptions compare;
};

ObjectiveKind objective_kind(const std::string& name) {
  if (name == "log-mse") return ObjectiveKind::log_mse;
  return name == "mse" ? ObjectiveKind::mse : ObjectiveKind::log_huber;
}

/// A published law, or that of a fit file; none for anything else.
std::optional<Law> law_of(const std::string& name) {
  for (const Law& law : published_laws()) {
    if (law.name == name) return law;
  }
  if (!is_fit_file(name) || !std::filesystem::is_regular_file(name)) return std::nullopt;
  const Json value = read_json_file(name);
  if (!value.is_object() || value.value("schema", Json()) != "scalelaw.fit/1") return std::nullopt;
  return loss_law_of_fit(name);
}

/// The name of a source as a table shows it: the last part of a path.
std::string label(const std::string& source) {
  const std::filesystem::path path = std::filesystem::path(source).lexically_normal();
  return path.filename().empty() ? path.parent_path().filename().string() : path.filename().string();
}

std::vector<Observation> load_points(const std::string& source, const CompareArguments& arguments,
                                     std::vector<std::string>& notes, double& largest_loss) {
  if (!std::filesystem::exists(source)) {
    std::vector<std::string> names;
    for (const Law& law : published_laws()) names.push_back(law.name);
    const std::string near = nearest_word(source, names);
    fail_data("{}: there is no such study folder, CSV or published law{}", source,
              near.empty() ? "; scalelaw laws lists the laws" : fmt::format(" (did you mean '{}'?)", near));
  }
  if (!std::filesystem::is_directory(source)) {
    ReadOptions options = read_options(arguments.read);
    if (!arguments.convention.empty()) options.convention.params = arguments.convention;
    options.any_sign = arguments.compare.fit.objective.kind == ObjectiveKind::mse;
    return read_table_points(source, options, arguments.population, notes);
  }

  const StudyRecords study = load_study_records(source, arguments.population);
  const std::vector<RunRecord>& records = study.records;
  for (const RunRecord& record : records) {
    if (record.spec.backend.simulation.embedding_coefficient > 0) continue;  // its vocabulary is no model's
    const double largest = std::log(static_cast<double>(record.spec.model.vocab));
    largest_loss = largest_loss > 0 ? std::min(largest_loss, largest) : largest;
  }
  for (const std::string& note : study.notes) notes.push_back(fmt::format("{}: {}", label(source), note));
  SelectionOptions options;
  options.convention = arguments.compare.fit.convention;
  const Selection selection = select_observations(records, options);
  if (selection.observations.empty()) {
    fail_data("{}: none of its {} records can be used{}", source, records.size(),
              selection.excluded.empty() ? "" : ": " + describe_reasons(selection.excluded));
  }
  if (!selection.excluded.empty()) {
    notes.push_back(fmt::format("{}: {} left out by the selection: {}", label(source),
                                counted(std::ssize(selection.excluded), "run"), describe_reasons(selection.excluded)));
  }
  if (!study.bad.empty()) {
    notes.push_back(fmt::format("{}: {}, the first: {}", label(source),
                                counted(std::ssize(study.bad), "unreadable record"), study.bad.front().reason));
  }
  return selection.observations;
}

/// Draws into FILE.svg, FILE.png or FILE.pdf.
void draw_comparison(const Comparison& comparison, const std::filesystem::path& file, const Globals& globals) {
  const Figure figure = comparison_figure(comparison);
  if (figure.panels.empty()) fail_data("compare: no exponent has a verdict, so {} was not drawn", file.string());
  draw_figure(figure, file, file.extension().string().substr(1));
  print(globals, fmt::format("plot: {}\n", file.string()));
}

/// Errors (config): another ending than that of a format.
void check_plot(const std::string& file) {
  const std::string format = std::filesystem::path(file).extension().string();
  if (format != ".svg" && format != ".png" && format != ".pdf") {
    fail_config("compare: --plot {}: the file's name must end in .svg, .png or .pdf", file);
  }
}

ExitCode compare(const Globals& globals, CompareArguments arguments) {
  if (!arguments.plot.empty()) check_plot(arguments.plot);
  if (!arguments.margin.empty()) arguments.compare.margin = parse_margin(arguments.margin);
  std::optional<Law> first_law = law_of(arguments.first), second_law = law_of(arguments.second);
  if (first_law && second_law) {
    fail_config("compare: {} and {} are both laws; one of the two must be a study folder or a CSV", arguments.first,
                arguments.second);
  }
  if (first_law) {  // the points come first
    std::swap(arguments.first, arguments.second);
    std::swap(first_law, second_law);
  }
  FitOptions& fit_options = arguments.compare.fit;
  fit_options.law = law_kind(arguments.law);
  fit_options.objective.kind = objective_kind(arguments.objective);
  fit_options.threads = globals.threads;
  fit_options.bootstrap.seed = arguments.compare.seed;
  fit_options.convention.params = !arguments.convention.empty() ? arguments.convention
                                  : second_law                  ? second_law->convention.params
                                                                : "total";
  std::vector<std::string> notes;
  const std::vector<Observation> first = load_points(arguments.first, arguments, notes, arguments.compare.largest_loss);
  Comparison comparison;
  if (second_law) {
    comparison = compare_with_law(label(arguments.first), first, *second_law, arguments.noise, arguments.compare);
  } else {
    const std::vector<Observation> second =
        load_points(arguments.second, arguments, notes, arguments.compare.largest_loss);
    comparison =
        compare_observations(label(arguments.first), first, label(arguments.second), second, arguments.compare);
  }
  comparison.notes.insert(comparison.notes.end(), notes.begin(), notes.end());
  print(globals, describe(comparison));
  if (!arguments.plot.empty()) draw_comparison(comparison, arguments.plot, globals);
  emit_json(globals, to_json(comparison));
  return ExitCode::ok;
}

}  // namespace

void add_compare(CLI::App& app, const Globals& globals, Action& action) {
  auto arguments = std::make_shared<CompareArguments>();
  CompareOptions& options = arguments->compare;
  CLI::App* command = app.add_subcommand("compare", "do the exponents of two sources differ, by the same estimator?");
  command->add_option("A", arguments->first, "study folder, CSV of observations, or published law")->required();
  command->add_option("B", arguments->second, "the same; a law is simulated at the points of the other")->required();
  command->add_option("--law", arguments->law, "law fitted to both");
  command->add_option("--method", options.fit.method, "how it is fitted")
      ->check(CLI::IsMember({"parametric", "isoflop", "envelope"}));
  command->add_option("--objective", arguments->objective, "what is minimised")
      ->check(CLI::IsMember({"log-huber", "log-mse", "mse"}));
  command->add_option("--delta", options.fit.objective.delta, "where the Huber objective becomes linear")
      ->check(CLI::PositiveNumber);
  command->add_option("--drop-highest", options.fit.drop_highest, "leave out the K highest losses")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--convention", arguments->convention,
                   "what counts as N in study folders; default: as the law counts")
      ->check(CLI::IsMember({"total", "non_embedding", "effective"}));
  add_read_options(*command, arguments->read);
  command->add_option(
      "--margin", arguments->margin,
      "differences up to this are equivalent: 10% is a share of the exponent (default), 0.05 a difference");
  command->add_option("--flops", options.flops, "budgets of the compute multiplier; default: powers of ten of both");
  command->add_option("--studies", options.studies,
                      "simulated studies, or bootstrap replicates between two sets of points");
  command->add_option("--noise", arguments->noise, "known standard deviation of ln loss; default: from the residuals");
  command->add_flag("!--keep-amplitudes", options.reanchor, "simulate the published amplitudes as they are");
  command->add_option("--bootstrap", options.fit.bootstrap.replicates,
                      "replicates for the intervals of the first source");
  command->add_option("--resample", options.fit.bootstrap.resample, "what the bootstrap draws")
      ->check(CLI::IsMember({"auto", "runs", "groups", "parametric"}));
  add_population_options(*command, arguments->population);
  command->add_option("--plot", arguments->plot, "draw the comparison into this file: .svg, .png or .pdf");
  command->add_option("--seed", options.seed, "seed of simulations and resampling");
  command->callback(
      [arguments, &globals, &action] { action = [arguments, &globals] { return compare(globals, *arguments); }; });
}

}  // namespace scalelaw::cli
