#include "cli/terminal.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace scalelaw::cli {
namespace {

struct Label {
  std::string_view word;
  std::string_view code;  ///< of the terminal (ECMA-48, select graphic rendition)
};
constexpr std::array kLabels = {Label{"error:", "\x1b[1;31m"}, Label{"warning:", "\x1b[1;33m"},
                                Label{"caution:", "\x1b[33m"}, Label{"status: NOT CONVERGED", "\x1b[33m"},
                                Label{"note:", "\x1b[36m"},    Label{"advice:", "\x1b[36m"}};
constexpr std::string_view kPlain = "\x1b[0m";

bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}

}  // namespace

bool is_colored(Color color, int descriptor) {
  if (color != Color::automatic) return color == Color::always;
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return ::isatty(descriptor) == 1 && !dumb && !is_set("NO_COLOR");
}

std::string with_colors(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end == std::string_view::npos ? end : end + 1);
    text.remove_prefix(line.size());
    for (const Label& label : kLabels) {
      if (!line.starts_with(label.word)) continue;
      out.append(label.code).append(label.word).append(kPlain);
      line.remove_prefix(label.word.size());
      break;
    }
    out.append(line);
  }
  return out;
}

void complain(const Globals& globals, const std::string& line) {
  fmt::print(stderr, "{}\n", is_colored(globals.color, STDERR_FILENO) ? with_colors(line) : line);
}

void explain(const Globals& globals, const std::string& line) {
  if (globals.verbose) complain(globals, line);
}

}  // namespace scalelaw::cli
