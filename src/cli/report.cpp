// scalelaw report STUDY, scalelaw plot STUDY
#include <filesystem>
#include <memory>

#include "analysis/analysis.hpp"
#include "analysis/study_analysis.hpp"
#include "analysis/summary.hpp"
#include "cli/named_option.hpp"
#include "cli/study_common.hpp"
#include "cli/terminal.hpp"
#include "report/figures.hpp"
#include "report/figures_rollout.hpp"
#include "report/gnuplot.hpp"
#include "report/study_files.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

struct ReportArgs {
  std::string study;
  std::optional<FigureKind> kind;  // none: all
  FigureFormat format = FigureFormat::svg;
  PopulationChoice choice;
};

ExitCode report(const ReportArgs& args, const Globals& globals) {
  const fs::path folder = args.study;
  const Analysis analysis = analyze_study(folder, globals.threads, args.choice);
  const std::string warning = write_analysis(folder, analysis);
  print(globals, summary_text(analysis, folder));
  if (!warning.empty()) complain(globals, "warning: " + warning);
  emit_json(globals, {{"report", (folder / "report.html").string()},
                      {"runs", analysis.records.size()},
                      {"points", analysis.selection.observations.size()},
                      {"status", analysis.parametric.convergence.status},
                      {"warnings", analysis.warnings}});
  return ExitCode::ok;
}

/// Those of a kind (without one, all that the page has). Rollouts are fitted when they are asked for by name alone.
std::vector<Figure> figures_of(const Analysis& analysis, const std::optional<FigureKind>& kind) {
  if (kind != FigureKind::rollout) {
    std::vector<Figure> figures = make_figures(analysis);
    std::erase_if(figures, [&](const Figure& figure) { return kind && figure.kind != *kind; });
    return figures;
  }
  std::vector<Figure> figures;
  for (const RolloutBy by : all_of<RolloutBy>()) {
    const FitOptions options{.law = analysis.options.law,
                             .profile = false,
                             .goodness = false,
                             .rollout = by,
                             .noise = analysis.noise,
                             .threads = analysis.options.threads};
    Figure figure = rollout_figure(fit_points(analysis.selection.observations, options).rollout);
    if (!figure.panels.empty()) figures.push_back(std::move(figure));
  }
  return figures;
}

ExitCode plot(const ReportArgs& args, const Globals& globals) {
  const fs::path folder = args.study;
  const Analysis analysis = analyze_study(folder, globals.threads, args.choice);
  Json written = Json::array();
  for (const auto& figure : figures_of(analysis, args.kind)) {
    const fs::path path = folder / "plots" / fmt::format("{}.{}", figure.id, args.format);
    draw_figure(figure, path, args.format);
    print(globals, path.string() + "\n");
    written.push_back(path.string());
  }
  if (written.empty()) {
    fail_data("{}: nothing to draw of kind {}; scalelaw report {} says what was left out and why", folder.string(),
              args.kind ? name_of(*args.kind) : "all", folder.string());
  }
  emit_json(globals, {{"plots", written}});
  return ExitCode::ok;
}

}  // namespace

void add_report(CLI::App& app, const Globals& globals, Action& action) {
  const auto args = std::make_shared<ReportArgs>();
  CLI::App* report_command = app.add_subcommand(
      "report", "rebuild fits, allocation, comparison, plots and report.html from a study's records");
  report_command->add_option("study", args->study, "folder of a study")->required();
  add_population_options(*report_command, args->choice);
  report_command->callback([args, &globals, &action] { action = [args, &globals] { return report(*args, globals); }; });

  CLI::App* plot_command = app.add_subcommand("plot", "draw a study's figures with gnuplot into its plots folder");
  plot_command->add_option("study", args->study, "folder of a study")->required();
  add_population_options(*plot_command, args->choice);
  std::vector<std::string> kinds = {"all"};
  for (const FigureKind kind : all_of<FigureKind>()) kinds.emplace_back(name_of(kind));
  plot_command
      ->add_option_function<std::string>(
          "--kind", [args](const std::string& text) { args->kind = find_named<FigureKind>(text); }, "which figures")
      ->check(CLI::IsMember(kinds));
  add_named(*plot_command, "--format", args->format, "file format");
  plot_command->callback([args, &globals, &action] { action = [args, &globals] { return plot(*args, globals); }; });
}

}  // namespace scalelaw::cli
