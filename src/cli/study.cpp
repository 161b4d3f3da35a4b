// scalelaw study | run | simulate CONFIG.
#include <memory>

#include "analysis/analysis.hpp"
#include "analysis/study_analysis.hpp"
#include "analysis/summary.hpp"
#include "cli/simulation.hpp"
#include "cli/study_common.hpp"
#include "core/format.hpp"
#include "exec/precision.hpp"
#include "exec/run.hpp"
#include "report/study_files.hpp"
#include "study/study_plan.hpp"

namespace scalelaw::cli {
namespace {

struct RunOptions {
  ConfigOptions config;
  std::string out;
  bool keep_runs = false;
};

struct FinishedRuns {
  StudyConfig config;
  std::filesystem::path folder;
  StudySummary summary;
};

void print_before(const Globals& globals, const StudyConfig& config, const StudyOptions& options) {
  const BackendChoice& backend = options.backend;
  const Plan plan = study_plan(config, backend.simulate, options.corpus ? &*options.corpus : nullptr);
  std::string text = fmt::format("study {} in {}: {} planned, {}\n", config.name, options.folder.string(),
                                 counted(std::ssize(plan.runs), "run"), describe(backend, config));
  for (const LeftOut& p : plan.left_out) text += fmt::format("left out: {}\n", describe(p));
  for (const std::string& note : plan.notes) text += fmt::format("note: {}\n", note);
  print(globals, text);
}

void print_after(const Globals& globals, const StudySummary& summary) {
  std::string text;
  if (summary.config_changed)
    text += "the config differs from the one of this folder: study.toml was rewritten, every record was kept\n";
  for (const BadRecord& bad : summary.bad)
    text += fmt::format("not a record, so its run was not taken as done: {}\n", bad.reason);
  print(globals, text + describe(summary));
  if (!globals.quiet && !globals.json_only()) return;
  for (const FailedJob& job : summary.failed) {
    fmt::print(stderr, "warning: job {} ({}) failed: {}\n", job.id, job.what, job.reason);
  }
}

FinishedRuns make_runs(const RunOptions& options, const Globals& globals) {
  FinishedRuns done;
  done.config = read_config_options(options.config);
  StudyOptions study;
  study.environment = probe_environment();
  study.backend = choose_backend(done.config.backend, done.config.training.threads_per_worker, study.environment);
  study.folder = done.folder = study_folder(done.config, study.backend, options.out);
  study.keep_runs = options.keep_runs;
  print(globals, backend_note(options.config, done.config, study.backend, study.environment, options.out));
  const PrecisionChoice precision = choose_precision(done.config, study.backend, study.environment, study.folder);
  done.config.training.precision = precision.precision;
  if (study.backend.simulate) {
    print(globals, settle_study_simulation(done.config, options.config.config, done.folder));
  } else {
    study.corpus = corpus_facts(done.config);
  }
  study.progress = standard_progress(globals.quiet);
  if (!precision.reason.empty()) print(globals, precision.reason + "\n");
  print_before(globals, done.config, study);
  done.summary = run_study(done.config, study);
  print_after(globals, done.summary);
  return done;
}

ExitCode records_action(const RunOptions& options, const Globals& globals) {
  const FinishedRuns done = make_runs(options, globals);
  emit_json(globals, to_json(done.summary));
  return done.summary.exit_code();
}

ExitCode study_action(const RunOptions& options, const Globals& globals) {
  const FinishedRuns done = make_runs(options, globals);
  if (done.summary.interrupted) {
    emit_json(globals, to_json(done.summary));
    return ExitCode::interrupted;
  }
  if (done.summary.before + done.summary.made == 0 && !done.summary.failed.empty()) {
    emit_json(globals, to_json(done.summary));
    fmt::print(stderr, "error: {}: no run finished, so there is nothing to analyse; the first job failed with: {}\n",
               done.folder.string(), done.summary.failed.front().reason);
    return ExitCode::some_failed;
  }
  const Analysis analysis = analyze_study(done.folder, globals.threads);
  const std::string warning = write_analysis(done.folder, analysis);
  print(globals, "\n" + summary_text(analysis, done.folder));
  if (!warning.empty()) fmt::print(stderr, "warning: {}\n", warning);
  Json result = to_json(done.summary);
  result["fit"] = to_json(analysis.parametric);
  result["isoflop"] = to_json(analysis.isoflop);
  result["learning_rates"] = learning_rates_json(analysis);
  result["allocations"] = Json::array();
  for (const Allocation& allocation : analysis.allocations) result["allocations"].push_back(to_json(allocation));
  if (analysis.comparison) result["comparison"] = to_json(*analysis.comparison);
  result["report"] = (done.folder / "report.html").string();
  emit_json(globals, result);
  return done.summary.exit_code();
}

void add_one(CLI::App& app, const Globals& globals, Action& action, const char* name, const char* help,
             ExitCode (*run)(const RunOptions&, const Globals&), const char* fixed_backend) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand(name, help);
  add_config_options(*command, options->config);
  command->add_option("--out", options->out, "folder of the study; default studies/NAME");
  command->add_flag("--keep-runs", options->keep_runs,
                    "keep finished runs of another config in the folder, left out of the analysis");
  command->callback([=, &globals, &action] {
    if (fixed_backend != nullptr) options->config.backend = fixed_backend;
    action = [options, &globals, run] { return run(*options, globals); };
  });
}

}  // namespace

void add_study(CLI::App& app, const Globals& globals, Action& action) {
  add_one(app, globals, action, "study", "make every run of a study that is missing, then analyse its records",
          study_action, nullptr);
  add_one(app, globals, action, "run", "make every run of a study that is missing, records only", records_action,
          nullptr);
  add_one(app, globals, action, "simulate", "as run, with the analytic simulator", records_action, "simulate");
}

}  // namespace scalelaw::cli
