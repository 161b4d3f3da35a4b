#include "os/command.hpp"

#include <fmt/core.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace scalelaw {

CommandOutput run_command(const std::string& command) {
  CommandOutput output;
  FILE* pipe = ::popen(fmt::format("{} 2>&1", command).c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 512> part{};
  bool begins = true;  // a line longer than the array comes in parts
  while (std::fgets(part.data(), static_cast<int>(part.size()), pipe) != nullptr) {
    if (begins) output.lines.emplace_back();
    std::string& line = output.lines.back();
    line += part.data();
    begins = line.ends_with('\n');
    if (begins) line.erase(line.find_last_not_of("\r\n ") + 1);
  }
  const int status = ::pclose(pipe);
  output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

std::string shell_quoted(const std::filesystem::path& path) {
  std::string out = "'";
  for (const char c : path.string()) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace scalelaw
