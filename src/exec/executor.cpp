#include "exec/executor.hpp"

#include "os/error.hpp"

namespace scalelaw::inline exec {

Executor make_executor(const StudyConfig& config, const StudyOptions& options, const Signals& signals) {
#define SCALELAW_EXECUTOR(name) \
  if (auto executor = name##_executor(config, options, signals)) return std::move(*executor);
  SCALELAW_EXECUTORS(SCALELAW_EXECUTOR)
#undef SCALELAW_EXECUTOR
  SCALELAW_CHECK(false, "no executor serves this backend");
}

}  // namespace scalelaw::inline exec
