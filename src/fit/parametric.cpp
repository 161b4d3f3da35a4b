#include "fit/parametric.hpp"

#include <algorithm>
#include <map>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "fit/bootstrap.hpp"
#include "fit/design_check.hpp"
#include "fit/evaluate.hpp"
#include "fit/profile.hpp"
#include "fit/search.hpp"

namespace scalelaw::inline fit {
namespace {

// Beyond this the scaled design is singular in double precision: a minimum along a line, not at a point.
constexpr double kSingular = 1e14;

// What the law itself demands, joined with what the caller holds.
std::map<std::string, double> fixed_parameters(const FitOptions& options) {
  std::map<std::string, double> fixed = options.fixed;
  for (const Constant& constant : law_form(options.law).constants) {
    if (constant.optional && !options.offset) fixed.try_emplace(constant.name, 0.0);
  }
  return fixed;
}

FitStatus status_of(NewtonStatus status) {
  switch (status) {
    case NewtonStatus::converged:
      return FitStatus::converged;
    case NewtonStatus::at_bound:
      return FitStatus::at_bound;
    case NewtonStatus::diverged:
      return FitStatus::diverged;
    case NewtonStatus::stalled:
      return FitStatus::stalled;
  }
  return FitStatus::stalled;
}

std::string message_of(const Problem& p, const Solution& s, double condition) {
  if (s.status == NewtonStatus::at_bound) {
    const bool one = s.at_bound.size() == 1;
    return fmt::format("{} ended at the bound of {}: the data do not need {}, or cannot tell {} from the others",
                       fmt::join(s.at_bound, ", "), one ? "its range" : "their ranges", one ? "it" : "them",
                       one ? "it" : "them");
  }
  if (condition > kSingular) {
    return fmt::format(
        "the points do not tell the {} parameters apart (condition number {:.1e}); vary N and D separately, "
        "or hold parameters with fit --fix",
        p.free.size(), condition);
  }
  if (s.status == NewtonStatus::stalled) {
    return fmt::format(
        "the solver stopped after {} evaluations before it could prove a minimum (scaled gradient {:.1e})",
        s.evaluations, s.gradient_norm);
  }
  return "";
}

void take_solution(const SearchResult& found, const Problem& problem, const FitOptions& options, FitResult& result) {
  const Solution& best = *found.best;
  auto& own = std::get<ParametricFit>(result.by_method);
  // Huber's function is half a square near 0; plain squares are reported as such.
  const double unit = own.objective.kind == ObjectiveKind::log_huber ? 1 : 2;
  Convergence& c = result.convergence;
  c.starts_at_best = found.starts_at_best;
  c.paths = found.paths;
  c.paths_at_best = found.paths_at_best;
  c.minima_found = found.minima;
  if (found.next_best) c.next_best_objective = unit * *found.next_best;
  c.gradient_norm = best.gradient_norm;
  c.at_bound = best.at_bound;
  c.condition = design_condition(problem, best.theta);
  const bool singular = best.status == NewtonStatus::converged && !(c.condition < kSingular);
  c.status = singular ? FitStatus::stalled : status_of(best.status);
  result.message = message_of(problem, best, c.condition);
  own.objective_value = best.value * unit;
  result.fitted = fitted_law(problem, best.theta, options.convention);
  result.derived = derived_quantities(problem, problem.weights, result.fitted.values);
}

// A minimum of so few points has no interval: what is left of them says nothing of the noise.
void say_few_points(std::size_t used, const Problem& problem, FitResult& result) {
  const std::size_t left = used - problem.free.size();
  const std::string line = fmt::format(
      "{} for {} leave {} to tell noise from law: no interval can be given, and the points cannot speak against the "
      "law; how far the constants are off is not known",
      counted(static_cast<std::int64_t>(used), "point"), counted(std::ssize(problem.free), "parameter"),
      left == 0 ? "none" : "one");
  if (result.converged()) {
    result.convergence.status = FitStatus::few_points;
    result.message = line;
  }
  result.cautions.push_back(line);
}

void add_profiles(const std::vector<Observation>& points, const Problem& problem, const Solution& best,
                  const std::map<std::string, double>& fixed, const FitOptions& options, FitResult& result) {
  // The a and b of a stretched exponential make up for each other over all there is; its power alone says something.
  std::vector<std::size_t> shown = problem.free;
  std::erase_if(shown, [&](std::size_t k) { return problem.form().constants[k].role == Role::real; });
  std::vector<Identifiability> profiles(shown.size());
  parallel_for(profiles.size(), options.threads,
               [&](std::size_t k) { profiles[k] = profile_interval(points, problem, best, fixed, shown[k]); });
  auto& identifiability = std::get<ParametricFit>(result.by_method).identifiability;
  for (std::size_t k = 0; k < profiles.size(); ++k) {
    identifiability[law_form(options.law).parameters[shown[k]]] = profiles[k];
  }
  identifiability.merge(profile_exponents(points, problem, best, fixed, identifiability));
}

}  // namespace

FitResult fit_parametric(const std::vector<Observation>& points, const FitOptions& options) {
  FitResult result;
  result.law = options.law;
  Objective& objective = result.by_method.emplace<ParametricFit>().objective;
  objective = options.objective;
  // N*(C) is a straight line in logarithms, fitted by least squares.
  if (law_form(options.law).predicts_size) objective.kind = ObjectiveKind::log_mse;
  const std::map<std::string, double> fixed = fixed_parameters(options);
  const Problem problem = make_problem(points, options.law, objective, fixed);
  const std::size_t needed = problem.free.size() + 2;
  const auto used =
      static_cast<std::size_t>(std::ranges::count_if(points, [](const Observation& o) { return o.weight > 0; }));
  const bool few = used < needed, enough = used >= problem.free.size();
  if (few && !(options.allow_few && enough)) {
    result.message = fmt::format(
        "{} {} too few for {}: a fit of the law {} needs at least {}; add runs, or hold parameters with fit --fix{}",
        counted(static_cast<std::int64_t>(used), "point"), used == 1 ? "is" : "are",
        counted(std::ssize(problem.free), "parameter"), law_form(options.law).name, needed,
        enough ? ", or say --allow-few for constants without an interval" : "");
    return result;
  }
  if (const auto design = design_problem(points, options.law, fixed)) {
    result.convergence.status = FitStatus::design;
    result.message = design->text();
    return result;
  }
  const SearchResult found = search(problem, options);
  result.convergence.starts = found.starts;
  if (!found.best) {
    result.convergence.status = FitStatus::diverged;
    result.message = found.starts == 0
                         ? fmt::format("no start has a finite objective: the points do not fit the law {}",
                                       law_form(options.law).name)
                         : "the objective is not finite from any start";
    return result;
  }
  take_solution(found, problem, options, result);
  if (few) {
    say_few_points(used, problem, result);
    return result;
  }
  if (result.message.empty()) result.message = ignored_variable(points, options.law);
  if (options.profile && result.converged() && problem.free.size() > 1) {
    add_profiles(points, problem, *found.best, fixed, options, result);
  }
  if (options.bootstrap.replicates > 0 && finished(*found.best)) {
    result.bootstrap = bootstrap_parametric(problem, points, *found.best, options);
  }
  return result;
}

}  // namespace scalelaw::inline fit
