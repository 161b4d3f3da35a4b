#include "cli/fit_budgets.hpp"

#include "fit/budgets.hpp"
#include "study/store.hpp"

namespace scalelaw::cli {

std::vector<Observation> budgeted_points(const std::vector<std::string>& inputs, const FitSources& part,
                                         std::int64_t min_steps) {
  if (part.records.empty()) return {};
  std::vector<double> planned;
  Convention convention;
  for (const std::string& input : inputs) {
    if (!std::filesystem::exists(config_path(input))) continue;
    const StudyConfig config = load_study_config(input);
    convention = config.design.convention;
    if (config.design.kind == DesignKind::isoflop) {
      planned.insert(planned.end(), config.design.budgets.begin(), config.design.budgets.end());
    }
  }
  std::vector<Observation> points = observe_sources(part, convention, min_steps, false).points;
  assign_budgets(points, planned);
  return points;
}

std::vector<Observation> isoflop_points(const std::vector<Observation>& points,
                                        const std::vector<Observation>& budgeted) {
  if (budgeted.empty()) return points;
  std::vector<Observation> out = points;
  copy_budgets(budgeted, out);
  return points_in_budgets(out);
}

std::vector<Observation> with_budgets_held(std::vector<Observation> points, const std::vector<Observation>& budgeted,
                                           const FitOptions& options) {
  if (!options.hold.empty()) copy_budgets(budgeted, points);
  return points;
}

}  // namespace scalelaw::cli
