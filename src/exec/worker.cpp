#include "exec/worker.hpp"

#include <sstream>
#include <system_error>

#include "os/error.hpp"
#include "os/file_lock.hpp"
#include "os/files.hpp"

namespace scalelaw::inline exec {
namespace {

constexpr std::size_t kLongestLine = 1U << 20U;
constexpr std::size_t kLongestReason = 300;

/// Last line that the process wrote to its standard error.
std::string last_error_line(const std::filesystem::path& file, std::uintmax_t from) {
  std::string text;
  try {
    text = read_text_file(file);
  } catch (const Error&) {
    return "";
  }
  std::istringstream lines(from < text.size() ? text.substr(from) : "");
  std::string line;
  for (std::string next; std::getline(lines, next);) {
    next.erase(next.find_last_not_of(" \t\r") + 1);
    if (!next.empty() && !next.starts_with(kFromOutput)) line = next;
  }
  if (line.size() > kLongestReason) line = line.substr(0, kLongestReason) + " ...";
  return line;
}

}  // namespace

std::optional<Worker> start_worker(const std::vector<std::string>& argv,
                                   const std::map<std::string, std::string>& environment,
                                   const std::filesystem::path& folder, const Signals& signals) {
  FileLock lock(folder / "lock");
  if (!lock.try_lock()) return std::nullopt;
  const std::filesystem::path log = folder / "log.txt";
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(log, error);
  return Worker{.process = Process({.argv = argv,
                                    .search_path = true,
                                    .environment = environment,
                                    .no_input = true,
                                    .output = Stream::pipe,
                                    .error = Stream::file,
                                    .log = log,
                                    .own_group = true,
                                    .dies_with_parent = true,
                                    .keep_open = {lock.fd()},
                                    .blocked_signals = signals.before(),
                                    .must_start = false}),
                .log = log,
                .log_start = error ? 0 : size};
}

std::vector<std::string> read_lines(Worker& worker) {
  worker.partial += worker.process.read_available();
  std::vector<std::string> lines;
  std::size_t start = 0;
  for (std::size_t end = 0; (end = worker.partial.find('\n', start)) != std::string::npos; start = end + 1) {
    lines.push_back(worker.partial.substr(start, end - start));
  }
  worker.partial.erase(0, start);
  if (worker.partial.size() > kLongestLine) worker.partial.clear();
  return lines;
}

std::string explain_end(const Worker& worker, const ProcessEnd& end) {
  const std::string how = describe(end);
  const std::string line = last_error_line(worker.log, worker.log_start);
  return line.empty() ? how : fmt::format("{}: {}", how, line);
}

}  // namespace scalelaw::inline exec
