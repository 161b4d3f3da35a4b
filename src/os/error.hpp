#pragma once
// One exception type for "the operation cannot continue". Expected outcomes (a diverged run, a fit that did not
// converge) are values in results, never exceptions.
#include <fmt/format.h>

#include <stdexcept>
#include <string>

namespace scalelaw::inline os {

/// Exit codes of the command line; a contract.
enum class ExitCode : int { ok = 0, some_failed = 1, usage = 2, data = 3, device = 4, interrupted = 130 };

/// Carries one line for the user (what, where, what to do) and the exit code main() ends with.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Wrong usage or configuration (exit code 2).
template <class... Args>
[[noreturn]] void fail_config(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ExitCode::usage, fmt::format(text, std::forward<Args>(args)...));
}
/// Missing, unreadable or invalid data (exit code 3).
template <class... Args>
[[noreturn]] void fail_data(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ExitCode::data, fmt::format(text, std::forward<Args>(args)...));
}
/// Device or environment: no GPU, disk full, program not found (exit code 4).
template <class... Args>
[[noreturn]] void fail_device(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ExitCode::device, fmt::format(text, std::forward<Args>(args)...));
}

/// Programmer error: a broken precondition that no user input can cause.
#define SCALELAW_CHECK(condition, ...)                                                                                \
  do {                                                                                                                \
    if (!(condition))                                                                                                 \
      throw std::logic_error(fmt::format("{}:{}: {}: {}", __FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__))); \
  } while (false)

}  // namespace scalelaw::inline os
