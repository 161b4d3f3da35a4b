#include "exec/device_check.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "os/command.hpp"

namespace scalelaw::inline exec {

DeviceCheck check_cuda_device(const std::filesystem::path& trainer) {
  const CommandOutput said = run_command(shell_quoted(trainer) + " --check-device");
  const std::string last = said.lines.empty() ? "" : said.lines.back();
  if (said.status == 0) return {true, last};
  constexpr const char* kError = "error: ";  // libraries may talk before and after
  const auto error = std::ranges::find_if(said.lines, [](const auto& line) { return line.starts_with(kError); });
  if (error != said.lines.end()) return {false, error->substr(std::string(kError).size())};
  return {false, fmt::format("{} --check-device failed{}{}; scripts/setup.sh --cuda installs what it needs, or train "
                             "with --device cpu",
                             trainer.filename().string(), last.empty() ? "" : ": ", last)};
}

}  // namespace scalelaw::inline exec
