// scalelaw report and plot, of a study or a table of runs
#include <filesystem>
#include <memory>

#include "analysis/analysis.hpp"
#include "analysis/summary.hpp"
#include "cli/analysis_source.hpp"
#include "cli/named_option.hpp"
#include "cli/terminal.hpp"
#include "report/figures.hpp"
#include "report/figures_rollout.hpp"
#include "report/gnuplot.hpp"
#include "report/study_files.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

struct ReportArgs {
  AnalysisSource source;
  std::string out;
  std::optional<FigureKind> kind;  // none: all
  FigureFormat format = FigureFormat::svg;
};

ExitCode report(const ReportArgs& args, const Globals& globals) {
  const fs::path folder = report_folder(args.source, args.out);
  const Analysis analysis = read_analysis(args.source, globals);
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
  const fs::path folder = report_folder(args.source, args.out);
  const Analysis analysis = read_analysis(args.source, globals);
  Json written = Json::array();
  for (const auto& figure : figures_of(analysis, args.kind)) {
    const fs::path path = folder / "plots" / fmt::format("{}.{}", figure.id, args.format);
    draw_figure(figure, path, args.format);
    print(globals, path.string() + "\n");
    written.push_back(path.string());
  }
  if (written.empty()) {
    fail_data("{}: nothing to draw of kind {}; scalelaw report {} says what was left out and why", args.source.input,
              args.kind ? name_of(*args.kind) : "all", args.source.input);
  }
  emit_json(globals, {{"plots", written}});
  return ExitCode::ok;
}

void add_out(CLI::App& command, std::string& out) {
  command.add_option("--out", out,
                     "folder for the files; default the study's own, or NAME-report for a table NAME.csv");
}

}  // namespace

void add_report(CLI::App& app, const Globals& globals, Action& action) {
  const auto args = std::make_shared<ReportArgs>();
  CLI::App* report_command = app.add_subcommand(
      "report", "fits, allocation, comparison, plots and report.html from a study's records or a table of runs");
  add_analysis_source(*report_command, args->source);
  add_out(*report_command, args->out);
  report_command->callback([args, &globals, &action] { action = [args, &globals] { return report(*args, globals); }; });

  CLI::App* plot_command =
      app.add_subcommand("plot", "draw the figures of a study or a table of runs with gnuplot into plots/");
  add_analysis_source(*plot_command, args->source);
  add_out(*plot_command, args->out);
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
