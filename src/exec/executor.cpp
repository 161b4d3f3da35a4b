#include "exec/executor.hpp"

#include "exec/process_executor.hpp"
#include "exec/simulate_executor.hpp"

namespace scalelaw {

ExecutorKind executor_kind(const BackendChoice& backend) {
  return backend.simulate ? ExecutorKind::simulate : ExecutorKind::process;
}

Executor make_executor(const StudyConfig& config, const StudyOptions& options, const Signals& signals) {
  switch (executor_kind(options.backend)) {
    case ExecutorKind::simulate:
      return make_simulate_executor(options.folder);
    case ExecutorKind::process:
      return make_process_executor(config, options, signals);
  }
  SCALELAW_CHECK(false, "unknown kind of executor");
}

}  // namespace scalelaw
