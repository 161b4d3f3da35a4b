#include "inference/joint_fit.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "fit/descent.hpp"
#include "fit/evaluate.hpp"
#include "fit/prepare.hpp"
#include "fit/problem.hpp"

namespace scalelaw::inline inference {
namespace {

constexpr int kEvaluations = 400;

/// One of the two sets: its own problem, and where each of its free constants stands among the joint variables.
struct Part {
  Problem problem;
  std::vector<std::size_t> place;

  [[nodiscard]] Vector own(std::span<const double> joint) const {
    Vector theta{};
    for (std::size_t k = 0; k < place.size(); ++k) theta[k] = joint[place[k]];
    return theta;
  }
  [[nodiscard]] std::vector<double> values(const Vector& joint) const {
    const Vector theta = own(joint);
    return natural_values(problem, std::span(theta.data(), place.size()));
  }
};

/// How far a draw moves the residuals of a part: by what its law differs there from the fitted one.
std::vector<double> shift_of(const Part& part, const std::vector<double>& fitted, const std::vector<double>& draw) {
  const bool logs = part.problem.objective.kind != ObjectiveKind::mse;
  Law law{.kind = part.problem.law, .values = {}, .name = "", .source = "", .convention = {}};
  std::vector<double> shift;
  for (const LawPoint& point : part.problem.points) {
    law.values = fitted;
    const double at = predict_loss(law, point);
    law.values = draw;
    const double moved = predict_loss(law, point);
    shift.push_back(logs ? std::log(moved / at) : moved - at);
  }
  return shift;
}

struct Joint {
  Part first, second;
  std::size_t size = 0;
  std::vector<double> weights;
  DescentProblem descent;

  /// Residuals of both, less the shifts.
  [[nodiscard]] Linearised linearise(std::span<const double> joint, const std::vector<double>& first_shift,
                                     const std::vector<double>& second_shift) const {
    Linearised out;
    const auto append = [&](const Part& part, const std::vector<double>& shift) {
      const Vector theta = part.own(joint);
      const std::size_t m = part.place.size();
      const Linearised at = fit::linearise(part.problem, std::span(theta.data(), m));
      for (std::size_t i = 0; i < at.residual.size(); ++i) {
        out.residual.push_back(at.residual[i] - (shift.empty() ? 0 : shift[i]));
        const std::size_t row = out.jacobian.size();
        out.jacobian.resize(row + size, 0.0);
        for (std::size_t k = 0; k < m; ++k) out.jacobian[row + part.place[k]] = at.jacobian[i * m + k];
      }
    };
    append(first, first_shift);
    append(second, second_shift);
    return out;
  }
};

double delta_of(const Objective& objective) {
  return objective.kind == ObjectiveKind::log_huber ? objective.delta : kInfinity;
}

Joint joined(Problem first, Problem second) {
  Joint j;
  const LawForm& form = first.form();
  const std::vector<std::size_t> free = first.free;
  for (std::size_t k = 0; k < free.size(); ++k) {
    const bool own = form.constants[free[k]].role == Role::amplitude;
    j.first.place.push_back(j.size++);
    j.second.place.push_back(own ? j.size++ : j.first.place.back());
  }
  if (j.size > kMaxFree) {
    fail_config("compare: --shared-exponents: the law {} has {} constants then, more than {}; choose another --law",
                form.name, j.size, kMaxFree);
  }
  DescentProblem& d = j.descent;
  d.size = j.size;
  d.delta = delta_of(first.objective);
  const auto bound = [&](const Problem& p, const std::vector<std::size_t>& place, bool again) {
    for (std::size_t k = 0; k < place.size(); ++k) {
      const std::size_t at = place[k];
      const bool shared = again && j.first.place[k] == at;
      d.lower[at] = shared ? std::max(d.lower[at], p.lower[k]) : p.lower[k];
      d.upper[at] = shared ? std::min(d.upper[at], p.upper[k]) : p.upper[k];
      d.max_step[at] = p.max_step[k];
    }
  };
  bound(first, j.first.place, false);
  bound(second, j.second.place, true);
  for (const Problem* p : {&first, &second}) {
    j.weights.insert(j.weights.end(), p->weights.begin(), p->weights.begin() + static_cast<std::ptrdiff_t>(p->size()));
  }
  for (const double w : j.weights) d.floor += 1e-30 * w;
  j.first.problem = std::move(first);
  j.second.problem = std::move(second);
  return j;
}

/// The minimum from a start, with the losses of both parts moved. Least squares first where asked.
Descent minimum(const Joint& j, const Vector& start, bool squares_first, const std::vector<double>& first_shift = {},
                const std::vector<double>& second_shift = {}) {
  DescentProblem d = j.descent;
  d.weights = j.weights;
  d.linearise = [&](std::span<const double> theta) { return j.linearise(theta, first_shift, second_shift); };
  Vector from = start;
  if (squares_first) {
    d.delta = kInfinity;
    from = descend(d, start, kEvaluations).theta;
    d.delta = j.descent.delta;
  }
  return descend(d, from, kEvaluations);
}

/// Constants of each fit as joint variables: those in common as `share` of the second's and the rest of the first's.
Vector start_between(const Joint& j, const FitResult& first, const FitResult& second, double share) {
  const Vector a = start_from(j.first.problem, first.fitted.values);
  const Vector b = start_from(j.second.problem, second.fitted.values);
  Vector out{};
  for (std::size_t k = 0; k < j.first.place.size(); ++k) {
    const std::size_t at = j.first.place[k], other = j.second.place[k];
    out[at] = at == other ? (1 - share) * a[k] + share * b[k] : a[k];
    if (at != other) out[other] = b[k];
  }
  return out;
}

/// The least of the minima from several starts.
Descent best_minimum(const Joint& j, const FitResult& first, const FitResult& second) {
  std::optional<Descent> best;
  for (const double share : {0.5, 0.0, 1.0}) {
    for (const bool squares_first : {true, false}) {
      const Descent found = minimum(j, start_between(j, first, second, share), squares_first);
      if (std::isfinite(found.value) && (!best || found.value < best->value)) best = found;
    }
  }
  return best.value_or(Descent{.value = std::nan("")});
}

Problem problem_of(const std::vector<Observation>& points, const FitOptions& options) {
  std::map<std::string, double> fixed = options.fixed;
  for (const Constant& constant : law_form(options.law).constants) {
    if (constant.optional && !options.offset) fixed.try_emplace(constant.name, 0.0);
  }
  return make_problem(weighted(without_highest(points, options.drop_highest), options), options.law, options.objective,
                      fixed);
}

/// The joint refit of every pair of draws.
void add_draws(const Joint& j, const Vector& best, const FitResult& first, const FitResult& second, int threads,
               JointFit& out) {
  const std::size_t pairs = std::min(first.bootstrap.draws.size(), second.bootstrap.draws.size());
  std::vector<std::optional<Vector>> refits(pairs);
  parallel_for(pairs, threads, [&](std::size_t i) {
    const std::vector<double> a = shift_of(j.first, first.fitted.values, first.bootstrap.draws[i]);
    const std::vector<double> b = shift_of(j.second, second.fitted.values, second.bootstrap.draws[i]);
    const Descent found = minimum(j, best, false, a, b);
    if (std::isfinite(found.value) && found.settled(j.descent.floor)) refits[i] = found.theta;
  });
  for (const std::optional<Vector>& refit : refits) {
    if (!refit) {
      ++out.failed;
      continue;
    }
    out.first_draws.push_back(j.first.values(*refit));
    out.second_draws.push_back(j.second.values(*refit));
  }
}

}  // namespace

JointFit fit_jointly(const std::vector<Observation>& first_points, const std::vector<Observation>& second_points,
                     const FitResult& first, const FitResult& second, const FitOptions& options) {
  if (options.method != Method::parametric || law_form(options.law).predicts_size) {
    fail_config("compare: --shared-exponents: needs a law of the loss, by --method parametric");
  }
  const Joint j = joined(problem_of(first_points, options), problem_of(second_points, options));
  const double unit = options.objective.kind == ObjectiveKind::log_huber ? 1 : 2;
  JointFit out;
  out.separate = first.parametric().objective_value + second.parametric().objective_value;
  const Descent best = best_minimum(j, first, second);
  if (!std::isfinite(best.value) || !best.settled(j.descent.floor)) {
    out.message = "the fit with shared exponents did not converge";
    return out;
  }
  out.converged = true;
  out.objective = unit * best.value;
  out.first = first.fitted;
  out.second = second.fitted;
  out.first.values = j.first.values(best.theta);
  out.second.values = j.second.values(best.theta);
  add_draws(j, best.theta, first, second, options.threads, out);
  return out;
}

}  // namespace scalelaw::inline inference
