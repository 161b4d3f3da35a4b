#include "report/gnuplot.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "os/error.hpp"
#include "os/files.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

/// A folder of our own for as long as this lives.
struct TemporaryFolder {
  fs::path path;
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "scalelaw-plot-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      fail_device("{}: {}; make room there or set TMPDIR", name, std::strerror(errno));
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

/// The environment with a UTF-8 locale: gnuplot measures and writes text by it.
std::vector<std::string> utf8_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with("LC_") && !text.starts_with("LANG")) out.emplace_back(text);
  }
  out.emplace_back("LC_ALL=C.UTF-8");
  return out;
}

/// Runs a program without a shell, its output to `log`. @return its exit status, or -1 if a signal ended it.
int run_program(const fs::path& program, const std::vector<std::string>& arguments, const fs::path& log) {
  std::vector<std::string> words = {program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = utf8_environment();
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  };
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> envp = pointers(environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) fail_device("{}: cannot be started: {}", program.string(), std::strerror(error));
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail_device("{}: {}", program.string(), std::strerror(errno));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// The message as one line: gnuplot's own are spread over several.
std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  if (text.size() > 400) text = "…" + text.substr(text.size() - 400);
  return text;
}

}  // namespace

std::optional<fs::path> gnuplot_program() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string_view folder = rest.substr(0, colon);
    const fs::path candidate = fs::path(folder.empty() ? "." : folder) / "gnuplot";
    if (access(candidate.c_str(), X_OK) == 0 && fs::is_regular_file(candidate)) return candidate;
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  }
  return std::nullopt;
}

void draw_figure(const Figure& figure, const fs::path& path, const std::string& format) {
  const std::optional<fs::path> program = gnuplot_program();
  if (!program)
    fail_device("gnuplot: not found on the PATH; install it with: apt-get install gnuplot-nox fonts-dejavu-core");
  const TemporaryFolder folder;
  const fs::path picture = folder.path / ("picture." + format);
  const fs::path script = folder.path / "figure.gp";
  const fs::path log = folder.path / "log.txt";
  write_file_atomic(script, gnuplot_script(figure, picture.string(), format));
  const int status = run_program(*program, {script.string()}, log);
  if (status != 0 || !fs::exists(picture) || fs::file_size(picture) == 0) {
    fail_device("gnuplot failed at {} (status {}): {}", path.string(), status, one_line(read_text_file(log)));
  }
  write_file_atomic(path, read_text_file(picture));
}

}  // namespace scalelaw
