// scalelaw tutorial [NAME]: the classic experiments, page by page.
#include "tutorial/tutorial.hpp"

#include <filesystem>
#include <map>
#include <memory>

#include "analysis/analysis.hpp"
#include "analysis/sources.hpp"
#include "cli/make_runs.hpp"
#include "cli/named_option.hpp"
#include "cli/simulation.hpp"
#include "cli/terminal.hpp"
#include "core/format.hpp"
#include "os/files.hpp"
#include "report/gnuplot.hpp"
#include "tutorial/tutorial_compute.hpp"
#include "tutorial/tutorial_counting.hpp"
#include "tutorial/tutorial_laws.hpp"
#include "tutorial/tutorial_runs.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

struct TutorialArguments {
  std::string name;
  bool list = false;
  BackendKind backend = BackendKind::simulate;
  std::string out = "studies/tutorial";
  FigureFormat format = FigureFormat::svg;
};

struct TopicRuns {
  std::vector<RunRecord> records = {};  ///< of the runs that the config plans
  ExitCode code = ExitCode::ok;
};

/// Makes what is missing of a tutorial study; the folder may hold runs of other backends and earlier configs.
TopicRuns make_study(const TutorialTopic& topic, const TutorialArguments& arguments, const Globals& globals) {
  const fs::path relative = fs::path("configs") / "tutorial" / (topic.study + ".toml");
  const std::optional<fs::path> config = find_data_file(relative);
  if (!config) {
    fail_data("{}: not found, nor below {}; start scalelaw in the folder of its sources", relative.string(),
              (program_folder() / ".." / "..").lexically_normal().string());
  }
  RunRequest request;
  request.out = (fs::path(arguments.out) / topic.study).string();
  request.config.config = config->string();
  request.config.backend = topic.trainable ? arguments.backend : BackendKind::simulate;
  request.keep_runs = true;  // of other backends; the pages read those of this plan
  request.brief = true;      // the page is the answer
  const FinishedRuns done = make_runs(request, globals);
  TopicRuns out{.code = done.summary.exit_code()};
  if (out.code != ExitCode::ok) {
    const std::string text = describe(done.summary);
    complain(globals, "warning: " + text.substr(0, text.find_last_not_of('\n') + 1));
  }
  const RecordSet have = read_records(done.study.folder);
  for (const PlannedRun& run : study_plan(done.config, done.study).runs) {
    const auto record = have.records.find(run_id(run.spec));
    if (record != have.records.end()) out.records.push_back(record->second);
  }
  return out;
}

ExitCode list_pages(const Globals& globals) {
  std::string text;
  Json pages = Json::array();
  for (const TutorialTopic& topic : tutorial_topics()) {
    text += fmt::format("{:<16} {}\n", topic.name, topic.shows);
    pages.push_back({{"name", topic.name}, {"shows", topic.shows}});
  }
  print(globals, text + fmt::format("{:<16} every page above\n", "all"));
  emit_json(globals, {{"schema", "scalelaw.tutorial/1"}, {"pages", pages}});
  return ExitCode::ok;
}

ExitCode tutorial(const TutorialArguments& arguments, const Globals& globals) {
  if (arguments.list || arguments.name.empty()) return list_pages(globals);
  const bool takeaways = arguments.name == "takeaways";
  const bool all = arguments.name == "all" || takeaways;
  std::vector<std::string> names;
  for (const TutorialTopic& topic : tutorial_topics()) {
    if (topic.name != "takeaways" && (all || topic.name == arguments.name)) names.push_back(topic.name);
  }
  if (names.empty()) (void)tutorial_topic(arguments.name);  // throws: no page has this name
  const bool can_draw = gnuplot_program().has_value();
  ExitCode code = ExitCode::ok;
  std::map<std::string, TopicRuns> studies;
  std::vector<TutorialPage> pages;
  Json result = Json::array();
  const auto show = [&](TutorialPage page, bool printed) {
    Json entry = {{"name", page.name}, {"numbers", page.numbers}, {"plot", nullptr}};
    std::string text = (pages.empty() || takeaways ? "" : "\n") + page.text;
    if (can_draw && !page.figure.panels.empty()) {
      const fs::path plot = fs::path(arguments.out) / fmt::format("{}.{}", page.name, arguments.format);
      draw_figure(page.figure, plot, arguments.format);
      entry["plot"] = plot.string();
      text += fmt::format("plot: {}\n", plot.string());
    }
    if (printed) print(globals, text);
    result.push_back(entry);
    pages.push_back(std::move(page));
  };
  for (const std::string& name : names) {
    const TutorialTopic& topic = tutorial_topic(name);
    const std::string& study = topic.study;
    if (!study.empty() && !studies.contains(study)) {
      studies[study] = make_study(topic, arguments, globals);
      if (studies[study].code == ExitCode::interrupted) return ExitCode::interrupted;
      if (studies[study].code != ExitCode::ok) code = studies[study].code;
    }
    const std::vector<RunRecord>& records = studies[study].records;
    TutorialPage page = topic.make(records);
    if (const std::string simulation = simulation_text(records); !simulation.empty()) {
      page.text += fmt::format("Runs {}.\n", simulation);
      page.numbers["simulation"] = simulation;
    }
    show(std::move(page), !takeaways);
  }
  if (all) show(takeaways_page(pages), true);
  if (!can_draw)
    complain(globals, "warning: no plot was drawn: gnuplot not found; apt-get install gnuplot-nox, then start again");
  emit_json(globals, {{"schema", "scalelaw.tutorial/1"}, {"backend", arguments.backend}, {"pages", result}});
  return code;
}

}  // namespace

void add_tutorial(CLI::App& app, const Globals& globals, Action& action) {
  auto arguments = std::make_shared<TutorialArguments>();
  CLI::App* command =
      app.add_subcommand("tutorial", "the classic scaling-law experiments, each a page with a table and a plot");
  command->add_option("name", arguments->name, "page, or all; without one the pages are listed");
  command->add_flag("--list", arguments->list, "what each page shows, in a line");
  add_named(*command, "--backend", arguments->backend, "simulate in seconds, or train for real at the same tiny scale",
            {BackendKind::simulate, BackendKind::train})
      ->default_str("");
  add_named(*command, "--format", arguments->format, "file format of the plots");
  command->add_option("--out", arguments->out, "folder of the plots and of the runs");
  command->callback(
      [arguments, &globals, &action] { action = [arguments, &globals] { return tutorial(*arguments, globals); }; });
}

}  // namespace scalelaw::cli
