#pragma once
// What every subcommand shares. One file per subcommand: parse, call, print, exit code.
#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "core/names.hpp"
#include "os/error.hpp"

namespace scalelaw::cli {

enum class Color { automatic, always, never };
constexpr std::array<std::string_view, 3> names_of(Color) { return {"auto", "always", "never"}; }

/// Options of every subcommand.
struct Globals {
  bool quiet = false;
  bool verbose = false;
  Color color = Color::automatic;
  std::string json;  ///< file, or "-" for standard output; empty = none
  int threads = 1;

  /// Standard output belongs to the JSON text.
  [[nodiscard]] bool json_only() const { return json == "-"; }
};

/// Turns what people and this program write for a count, "70B", "1.4T", "512k", into the number that the option takes;
/// other text passes on to the option's own message.
[[nodiscard]] CLI::Validator count_number();

/// The action of the subcommand given; returns the exit code.
using Action = std::function<ExitCode()>;

/// Text for a person on standard output; nothing with --json - or --quiet.
void print(const Globals& globals, const std::string& text);
/// The machine-readable result: to the file of --json, or to standard output with "-"; nothing without --json.
void emit_json(const Globals& globals, const Json& value);

/// The files of subcommands, one line each, in the order of `scalelaw --help`: each defines add_<name>, which adds its
/// subcommands to app and sets action when one of them is called. `study` also adds run and simulate, `report` plot.
#define SCALELAW_SUBCOMMANDS(ADD) \
  ADD(plan)                       \
  ADD(study)                      \
  ADD(status)                     \
  ADD(doctor)                     \
  ADD(report)                     \
  ADD(table)                      \
  ADD(allocate)                   \
  ADD(predict)                    \
  ADD(forecast)                   \
  ADD(compare)                    \
  ADD(coverage)                   \
  ADD(corpus)                     \
  ADD(fit)                        \
  ADD(laws)                       \
  ADD(tutorial)

#define SCALELAW_DECLARE(name) void add_##name(CLI::App& app, const Globals& globals, Action& action);
SCALELAW_SUBCOMMANDS(SCALELAW_DECLARE)
#undef SCALELAW_DECLARE

}  // namespace scalelaw::cli
