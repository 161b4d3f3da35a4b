#include "cli/make_runs.hpp"

#include <fmt/ranges.h>

#include "cli/simulation.hpp"
#include "cli/terminal.hpp"
#include "core/format.hpp"
#include "exec/precision.hpp"

namespace scalelaw::cli {
namespace {

void print_before(const Globals& globals, const StudyConfig& config, const StudyOptions& options) {
  const Plan plan = study_plan(config, options);
  std::string text = fmt::format("study {} in {}: {} planned, {}\n", config.name, options.folder.string(),
                                 counted(std::ssize(plan.runs), "run"), describe(options.backend, config));
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
    complain(globals, fmt::format("warning: job {} ({}) failed: {}", job.id, job.what, job.reason));
  }
}

void explain_choice(const Globals& globals, const RunRequest& request, const StudyConfig& config,
                    const StudyOptions& study) {
  explain(globals, fmt::format("config {}{}", request.config.config,
                               request.config.overrides.empty()
                                   ? ""
                                   : fmt::format(", with {}", fmt::join(request.config.overrides, ", "))));
  explain(globals, fmt::format("backend: {}", describe(study.backend, config)));
  if (!study.backend.simulate) {
    explain(globals, fmt::format("workers: {} on {}: {}", study.backend.workers, study.backend.device,
                                 fmt::join(study.backend.command, " ")));
    explain(globals, fmt::format("corpus: {}", config.corpus.path));
  }
  explain(globals, fmt::format("folder: {}", study.folder.string()));
}

}  // namespace

FinishedRuns make_runs(const RunRequest& request, const Globals& globals) {
  const auto say = [&](const std::string& text) {
    if (!request.brief) print(globals, text);
  };
  FinishedRuns done;
  done.config = read_config_options(request.config);
  StudyOptions& study = done.study;
  study.environment = probe_environment();
  study.backend = choose_backend(done.config.backend, done.config.training.threads_per_worker, study.environment);
  study.folder = study_folder(done.config, study.backend, request.out);
  study.keep_runs = request.keep_runs;
  explain_choice(globals, request, done.config, study);
  say(backend_note(request.config, done.config, study.backend, study.environment, request.out));
  const PrecisionChoice precision = choose_precision(done.config, study.backend, study.environment, study.folder);
  done.config.training.precision = asked(precision.precision);
  if (study.backend.simulate) {
    say(settle_study_simulation(done.config, request.config.config, study.folder));
  } else {
    study.corpus = corpus_facts(done.config);
  }
  study.progress = standard_progress(globals.quiet || (request.brief && study.backend.simulate));
  if (!precision.reason.empty()) say(precision.reason + "\n");
  if (!request.brief) print_before(globals, done.config, study);
  done.summary = run_study(done.config, study);
  if (!request.brief) print_after(globals, done.summary);
  return done;
}

}  // namespace scalelaw::cli
