#include "inference/refit.hpp"

#include "fit/bootstrap.hpp"
#include "fit/solve.hpp"

namespace scalelaw::inline inference {

FitResult refit_near(const std::vector<Observation>& points, const FitOptions& options, const FitResult& center) {
  FitOptions plain = options;
  plain.bootstrap.replicates = 0;
  plain.holdout_above.reset();
  plain.hold.clear();
  plain.rollout.reset();
  plain.profile = plain.goodness = false;
  plain.threads = 1;
  // Chinchilla and kaplan, whose only minimum lies near the centre's: a share of two exponents, and no repetition.
  const LawForm& form = law_form(options.law);
  const bool known_start = options.method == Method::parametric && options.drop_highest == 0 && center.converged() &&
                           center.fitted.kind == options.law && form.ratio && !form.knows_repetition();
  if (!known_start) return fit_points(points, plain);

  const Problem problem = make_problem(points, options.law, options.objective, options.fixed);
  const Solution solution =
      solve(problem, problem.weights, start_from(problem, center.fitted.values), {.warm = true, .polish = false});
  if (solution.status != NewtonStatus::converged) return fit_points(points, plain);
  FitResult result;
  result.law = options.law;
  result.n = static_cast<std::int64_t>(points.size());
  result.convention = options.convention;
  result.by_method.emplace<ParametricFit>().objective = options.objective;
  result.fitted = fitted_law(problem, solution.theta, options.convention);
  result.derived = derived_quantities(problem, problem.weights, result.fitted.values);
  result.convergence.status = FitStatus::converged;
  return result;
}

}  // namespace scalelaw::inline inference
