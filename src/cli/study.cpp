// scalelaw study | run | simulate CONFIG.
#include <memory>
#include <optional>

#include "analysis/analysis.hpp"
#include "analysis/study_analysis.hpp"
#include "analysis/summary.hpp"
#include "cli/make_runs.hpp"
#include "cli/terminal.hpp"
#include "fit/fit_json.hpp"
#include "report/study_files.hpp"

namespace scalelaw::cli {
namespace {

ExitCode records_action(const RunRequest& options, const Globals& globals) {
  const FinishedRuns done = make_runs(options, globals);
  emit_json(globals, to_json(done.summary));
  return done.summary.exit_code();
}

ExitCode study_action(const RunRequest& options, const Globals& globals) {
  const FinishedRuns done = make_runs(options, globals);
  if (done.summary.interrupted) {
    emit_json(globals, to_json(done.summary));
    return ExitCode::interrupted;
  }
  if (done.summary.before + done.summary.made == 0 && !done.summary.failed.empty()) {
    emit_json(globals, to_json(done.summary));
    complain(globals, fmt::format("error: {}: no run finished, so there is nothing to analyse; the first job failed "
                                  "with: {}",
                                  done.study.folder.string(), done.summary.failed.front().reason));
    return ExitCode::some_failed;
  }
  const Analysis analysis = analyze_study(done.study.folder, globals.threads);
  const std::string warning = write_analysis(done.study.folder, analysis);
  print(globals, "\n" + summary_text(analysis, done.study.folder));
  if (!warning.empty()) complain(globals, "warning: " + warning);
  Json result = to_json(done.summary);
  result["fit"] = to_json(analysis.parametric);
  result["isoflop"] = to_json(analysis.isoflop);
  result["learning_rates"] = learning_rates_json(analysis);
  result["allocations"] = Json::array();
  for (const Allocation& allocation : analysis.allocations) result["allocations"].push_back(to_json(allocation));
  if (analysis.comparison) result["comparison"] = to_json(*analysis.comparison);
  result["report"] = (done.study.folder / "report.html").string();
  emit_json(globals, result);
  return done.summary.exit_code();
}

void add_one(CLI::App& app, const Globals& globals, Action& action, const char* name, const char* help,
             ExitCode (*run)(const RunRequest&, const Globals&), std::optional<BackendKind> fixed_backend) {
  auto options = std::make_shared<RunRequest>();
  CLI::App* command = app.add_subcommand(name, help);
  add_config_options(*command, options->config);
  command->add_option("--out", options->out, "folder of the study; default studies/NAME");
  command->add_flag("--keep-runs", options->keep_runs,
                    "keep finished runs of another config in the folder, left out of the analysis");
  command->callback([=, &globals, &action] {
    if (fixed_backend) options->config.backend = fixed_backend;
    action = [options, &globals, run] { return run(*options, globals); };
  });
}

}  // namespace

void add_study(CLI::App& app, const Globals& globals, Action& action) {
  add_one(app, globals, action, "study", "make every run of a study that is missing, then analyse its records",
          study_action, std::nullopt);
  add_one(app, globals, action, "run", "make every run of a study that is missing, records only", records_action,
          std::nullopt);
  add_one(app, globals, action, "simulate", "as run, with the analytic simulator", records_action,
          BackendKind::simulate);
}

}  // namespace scalelaw::cli
