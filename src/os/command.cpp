#include "os/command.hpp"

#include "os/error.hpp"
#include "os/process.hpp"

namespace scalelaw::inline os {
namespace {

/// Ends of lines, and blanks before them, are left out; what follows the last end is kept as it is.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = text.find('\n', start);
    std::string line = text.substr(start, end - start);
    if (end != std::string::npos) line.erase(line.find_last_not_of("\r ") + 1);
    lines.push_back(std::move(line));
    start = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

}  // namespace

CommandOutput run_command(const std::string& command) {
  CommandOutput output;
  try {
    Process shell({.argv = {"sh", "-c", command}, .file = "/bin/sh", .output = Stream::pipe, .error = Stream::pipe});
    output.lines = lines_of(shell.read_all());
    output.status = shell.wait().exit_code();
  } catch (const Error&) {
    return output;
  }
  return output;
}

std::string shell_quoted(const std::filesystem::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace scalelaw::inline os
