#include "study/study_plan.hpp"

#include "sim/simulate.hpp"

namespace scalelaw::inline study {

Plan study_plan(const StudyConfig& config, bool simulate, const CorpusFacts* corpus) {
  Plan plan = make_plan(config, simulate ? nullptr : corpus);
  if (simulate) {
    for (PlannedRun& run : plan.runs) run.spec = as_simulated(std::move(run.spec), config.simulation);
    for (PlannedRun& run : plan.transfer) run.spec = as_simulated(std::move(run.spec), config.simulation);
  }
  return plan;
}

}  // namespace scalelaw::inline study
