#include "report/gnuplot.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "os/error.hpp"
#include "os/files.hpp"
#include "os/process.hpp"
#include "report/gnuplot_script.hpp"

namespace scalelaw::inline report {
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

void draw_figure(const Figure& figure, const fs::path& path, FigureFormat format) {
  const std::optional<fs::path> program = gnuplot_program();
  if (!program)
    fail_device("gnuplot: not found on the PATH; install it with: apt-get install gnuplot-nox fonts-dejavu-core");
  const TemporaryFolder folder;
  const fs::path picture = folder.path / fmt::format("picture.{}", format);
  const fs::path script = folder.path / "figure.gp";
  write_file_atomic(script, gnuplot_script(figure, picture.string(), format));
  // gnuplot measures and writes text by the locale: a UTF-8 one
  Process gnuplot({.argv = {program->string(), script.string()},
                   .environment = {{"LC_ALL", "C.UTF-8"}},
                   .without = {"LC_", "LANG"},
                   .no_input = true,
                   .output = Stream::pipe,
                   .error = Stream::pipe});
  const std::string said = gnuplot.read_all();
  const int status = gnuplot.wait().exit_code();
  if (status != 0 || !fs::exists(picture) || fs::file_size(picture) == 0) {
    fail_device("gnuplot failed at {} (status {}): {}", path.string(), status, one_line(said));
  }
  write_file_atomic(path, read_text_file(picture));
}

}  // namespace scalelaw::inline report
