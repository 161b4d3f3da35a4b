// scalelaw SUBCOMMAND: dispatch, global options, and the one place where errors become exit codes.
#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <thread>

#include "cli/cli.hpp"
#include "cli/named_option.hpp"
#include "cli/terminal.hpp"
#include "core/build_info.hpp"
#include "core/cells.hpp"
#include "core/fields.hpp"
#include "core/format.hpp"

namespace scalelaw::cli {

void print(const Globals& globals, const std::string& text) {
  if (globals.quiet || globals.json_only()) return;
  fmt::print("{}", is_colored(globals.color, STDOUT_FILENO) ? with_colors(text) : text);
  std::fflush(stdout);
}

void emit_json(const Globals& globals, const Json& value) {
  if (globals.json.empty()) return;
  if (globals.json_only()) {
    fmt::print("{}\n", value.dump(1));
  } else {
    write_json_file(globals.json, value);
  }
}

CLI::Validator count_number() {
  return CLI::Validator(
      [](std::string& text) {
        if (const auto count = parse_count(text)) {
          const bool whole = std::abs(*count) < 1e15 && *count == std::floor(*count);
          text = whole ? fmt::format("{:.0f}", *count) : exact_number(*count);
        }
        return std::string();
      },
      "");
}

namespace {

/// What CLI11 says, or, of a word that is no subcommand, that: with the one meant, for a near miss.
std::string describe(const CLI::ParseError& error, const CLI::App& app) {
  const CLI::App* at = &app;  // the innermost command that was named
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  std::vector<std::string> rest = at->remaining();
  if (rest.empty()) rest = app.remaining();  // what a command does not know falls through to this
  const auto word = std::ranges::find_if(rest, [](const std::string& w) { return !w.starts_with('-'); });
  const std::vector<const CLI::App*> commands = at->get_subcommands([](const CLI::App*) { return true; });
  if (commands.empty() || word == rest.end()) return error.what();
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  constexpr std::size_t kShort = 4;  // any short word is near another
  const std::string meant = word->size() < kShort ? "" : nearest_word(*word, names);
  return fmt::format("there is no subcommand '{}'{}{}", *word, at == &app ? "" : " of " + at->get_name(),
                     meant.empty() ? "" : fmt::format(", did you mean '{}'?", meant));
}

ExitCode run(int argc, char** argv, Globals& globals) {
  CLI::App app(
      "scalelaw: a scaling-law laboratory. Trains families of tiny transformers, or simulates them, fits scaling "
      "laws to the losses and says how to spend a compute budget.");
  app.set_version_flag("--version", [] {
    const BuildInfo info = build_info();
    return fmt::format("scalelaw {} ({}, {}, {})", info.version, info.git.empty() ? "no git" : info.git, info.compiler,
                       info.type);
  });
  app.require_subcommand(1);
  app.fallthrough();
  globals.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  app.add_flag("--quiet", globals.quiet, "print results of --json and errors only");
  app.add_flag("--verbose", globals.verbose, "say on standard error what is read, chosen and done, and why");
  add_named(app, "--color", globals.color, "colours; auto: on a terminal, unless NO_COLOR is set");
  app.add_option("--json", globals.json, "write the result as JSON to this file, or to standard output with -");
  app.add_option("--threads", globals.threads, "threads for fits and bootstraps")->check(CLI::Range(1, 1024));

  Action action;
#define SCALELAW_ADD(name) add_##name(app, globals, action);
  SCALELAW_SUBCOMMANDS(SCALELAW_ADD)
#undef SCALELAW_ADD

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e), ExitCode::ok;  // --help, --version
    complain(globals, fmt::format("error: {}; 'scalelaw --help' lists the subcommands, 'scalelaw SUBCOMMAND --help' "
                                  "their options",
                                  describe(e, app)));
    return ExitCode::usage;
  }
  if (!action) return ExitCode::usage;
  const auto start = std::chrono::steady_clock::now();
  const BuildInfo info = build_info();
  explain(globals, fmt::format("scalelaw {} ({}), {} for fits", info.version, info.git.empty() ? "no git" : info.git,
                               counted(globals.threads, "thread")));
  const ExitCode code = action();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  explain(globals, fmt::format("done in {}, exit code {}", short_duration(seconds), static_cast<int>(code)));
  return code;
}

}  // namespace
}  // namespace scalelaw::cli

int main(int argc, char** argv) {
  using namespace scalelaw;
  cli::Globals globals;
  try {
    return static_cast<int>(cli::run(argc, argv, globals));
  } catch (const Error& e) {
    cli::complain(globals, fmt::format("error: {}", e.what()));
    return static_cast<int>(e.code());
  } catch (const std::exception& e) {
    cli::complain(globals, fmt::format("error: internal: {}; this is a bug of scalelaw, please report the command that "
                                       "shows it",
                                       e.what()));
    return static_cast<int>(ExitCode::device);
  }
}
