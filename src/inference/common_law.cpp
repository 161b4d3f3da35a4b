#include "inference/common_law.hpp"

#include "fit/choice.hpp"

namespace scalelaw::inline inference {

std::string choose_common_law(const std::vector<const std::vector<Observation>*>& sources, CompareOptions& options) {
  FitOptions fit = options.fit;
  fit.profile = fit.goodness = false;
  fit.bootstrap.replicates = 0;
  std::string reason;
  for (const std::vector<Observation>* points : sources) {
    const LawChoice choice = choose_law(*points, {LawKind::chinchilla, LawKind::outer}, fit);
    if (choice.tests.empty()) continue;
    reason = choice.reason;
    options.alternative = choice.tests.back().wide;
    if (!choice.tests.back().rejected()) continue;
    options.fit.law = choice.answer().law;
    options.alternative.reset();
    break;
  }
  return reason;
}

}  // namespace scalelaw::inline inference
