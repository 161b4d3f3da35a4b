#pragma once
// Text on a terminal: colours, complaints, and what --verbose says.
#include <string>
#include <string_view>

#include "cli/cli.hpp"

namespace scalelaw::cli {

/// Whether text on this file descriptor is coloured: as asked for, or, automatically, on a terminal that is not dumb
/// where NO_COLOR is not set or empty (no-color.org).
[[nodiscard]] bool is_colored(Color color, int descriptor);

/// The text with the words that begin a line in colour: "error:" red; "warning:", "caution:" and "status: NOT
/// CONVERGED" yellow; "note:" and "advice:" cyan.
[[nodiscard]] std::string with_colors(std::string_view text);

/// A line that begins with "error: " or "warning: ", on standard error, under --quiet too.
void complain(const Globals& globals, const std::string& line);

/// Under --verbose a line on standard error about what is read, chosen or done, and why.
void explain(const Globals& globals, const std::string& line);

}  // namespace scalelaw::cli
