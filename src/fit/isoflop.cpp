#include "fit/isoflop.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>

#include "core/stats.hpp"
#include "fit/makima.hpp"
#include "fit/recentre.hpp"

namespace scalelaw {
namespace {

constexpr double kSameBudget = 1.05;

// x, y, weights of one budget -> constant, linear, curvature of a weighted parabola; the fit is centred for accuracy.
void fit_parabola(const std::vector<double>& x, const std::vector<double>& y, const std::vector<double>& w,
                  IsoflopBudget& budget) {
  const double center = mean(x);
  Eigen::MatrixXd a(static_cast<Eigen::Index>(x.size()), 3);
  Eigen::VectorXd b(a.rows());
  for (Eigen::Index i = 0; i < a.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double root = std::sqrt(w[k]), t = x[k] - center;
    a.row(i) << root, root * t, root * t * t;
    b(i) = root * y[k];
  }
  const Eigen::Vector3d c = a.colPivHouseholderQr().solve(b);
  budget.curvature = c(2);
  budget.linear = c(1) - 2 * c(2) * center;
  budget.constant = c(0) - c(1) * center + c(2) * center * center;
}

// The runs of one budget that count, by size.
struct BudgetPoints {
  std::vector<double> log_params, loss, weight, log_tokens;
};

BudgetPoints points_of(const std::vector<Observation>& points, const std::vector<std::size_t>& members,
                       const std::vector<double>& weights) {
  std::vector<std::size_t> order;
  std::ranges::copy_if(members, std::back_inserter(order), [&](std::size_t i) { return weights[i] > 0; });
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return points[i].params; });
  BudgetPoints out;
  for (const std::size_t i : order) {
    out.log_params.push_back(std::log(points[i].params));
    out.loss.push_back(points[i].loss_nats);
    out.weight.push_back(weights[i]);
    out.log_tokens.push_back(std::log(points[i].tokens));
  }
  return out;
}

// Runs of one size become one point with their mean loss, for a curve that goes through every point.
BudgetPoints merge_sizes(const BudgetPoints& p) {
  BudgetPoints out;
  for (std::size_t i = 0; i < p.loss.size(); ++i) {
    if (out.log_params.empty() || p.log_params[i] > out.log_params.back()) {
      out.log_params.push_back(p.log_params[i]);
      out.loss.push_back(p.loss[i]);
      out.weight.push_back(p.weight[i]);
    } else {
      out.weight.back() += p.weight[i];
      out.loss.back() += (p.loss[i] - out.loss.back()) * p.weight[i] / out.weight.back();
    }
  }
  return out;
}

// Vertex of a parabola in ln N, or why there is none.
std::string parabola_optimum(const BudgetPoints& p, IsoflopBudget& budget, CurveMinimum& at) {
  fit_parabola(p.log_params, p.loss, p.weight, budget);
  const double low = p.log_params.front(), high = p.log_params.back();
  const double best = p.log_params[static_cast<std::size_t>(std::ranges::min_element(p.loss) - p.loss.begin())];
  at.x = -budget.linear / (2 * budget.curvature);
  at.y = budget.constant + 0.5 * budget.linear * at.x;
  if (!(budget.curvature > 0)) return "not_convex";
  if (at.x <= low || best <= low) return "edge_low";
  if (at.x >= high || best >= high) return "edge_high";
  return "interior";
}

std::string makima_optimum(const BudgetPoints& merged, IsoflopBudget& budget, CurveMinimum& at) {
  budget.constant = budget.linear = budget.curvature = std::numeric_limits<double>::quiet_NaN();
  const auto lowest = std::ranges::min_element(merged.loss) - merged.loss.begin();
  if (lowest == 0) return "edge_low";
  if (lowest + 1 == std::ssize(merged.loss)) return "edge_high";
  at = makima_minimum(merged.log_params, merged.loss);
  return "interior";
}

IsoflopBudget fit_budget(const std::vector<Observation>& points, const std::vector<std::size_t>& members,
                         const std::vector<double>& weights, double flops, bool makima) {
  IsoflopBudget budget;
  budget.flops = flops;
  const BudgetPoints p = points_of(points, members, weights);
  budget.points = std::ssize(p.loss);
  if (!p.loss.empty()) {
    budget.sizes = {std::exp(p.log_params.front()), std::exp(p.log_params.back())};
    budget.center = std::exp(mean(p.log_params));
  }
  const BudgetPoints merged = merge_sizes(p);
  if (merged.loss.size() < (makima ? 4 : 3)) {
    budget.status = "too_few_points";
    return budget;
  }
  CurveMinimum at;
  budget.status = makima ? makima_optimum(merged, budget, at) : parabola_optimum(p, budget, at);
  if (budget.status == "interior") {
    const Line line = fit_line(p.log_params, p.log_tokens, p.weight);
    budget.params = std::exp(at.x);
    budget.tokens = std::exp(line.intercept + line.slope * at.x);
    budget.loss_nats = at.y;
  }
  return budget;
}

// Power laws N*(C) and D*(C) through points: values {coefficient, exponent} of N* and the derived quantities.
Refit power_laws(const std::vector<double>& log_flops, const std::vector<double>& log_params,
                 const std::vector<double>& log_tokens, const std::vector<double>& weights) {
  Refit out;
  const Line n = fit_line(log_flops, log_params, weights), d = fit_line(log_flops, log_tokens, weights);
  if (!std::isfinite(n.slope) || !std::isfinite(d.slope)) return out;
  out.status = RefitStatus::ok;
  out.values = {std::exp(n.intercept), n.slope};
  out.derived = {{"a", n.slope},
                 {"b", d.slope},
                 {"params_coefficient", std::exp(n.intercept)},
                 {"tokens_coefficient", std::exp(d.intercept)}};
  return out;
}

std::vector<std::vector<std::size_t>> members_of(const Budgets& budgets) {
  std::vector<std::vector<std::size_t>> members(budgets.flops.size());
  for (std::size_t i = 0; i < budgets.of_point.size(); ++i) members[budgets.of_point[i]].push_back(i);
  return members;
}

Refit isoflop_laws(const std::vector<IsoflopBudget>& budgets) {
  std::vector<double> c, n, d;
  for (const IsoflopBudget& b : budgets) {
    if (b.status != "interior") continue;
    c.push_back(std::log(b.flops));
    n.push_back(std::log(b.params));
    d.push_back(std::log(b.tokens));
  }
  return c.size() < 2 ? Refit{} : power_laws(c, n, d, {});
}

std::vector<IsoflopBudget> fit_budgets(const std::vector<Observation>& points, const Budgets& budgets,
                                       const std::vector<double>& weights, bool makima) {
  std::vector<IsoflopBudget> out;
  const auto members = members_of(budgets);
  for (std::size_t k = 0; k < members.size(); ++k)
    out.push_back(fit_budget(points, members[k], weights, budgets.flops[k], makima));
  return out;
}

// Runs on the lower envelope of loss against compute, by rising compute.
std::vector<std::size_t> envelope_of(const std::vector<Observation>& points, const std::vector<double>& weights) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (weights[i] > 0) order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(points[a].flops, points[a].loss_nats) < std::pair(points[b].flops, points[b].loss_nats);
  });
  std::vector<std::size_t> best;
  for (const std::size_t i : order) {
    if (best.empty() || points[i].loss_nats < points[best.back()].loss_nats) best.push_back(i);
  }
  return best;
}

Refit envelope_laws(const std::vector<Observation>& points, const std::vector<std::size_t>& best) {
  std::vector<double> c, n, d;
  for (const std::size_t i : best) {
    c.push_back(std::log(points[i].flops));
    n.push_back(std::log(points[i].params));
    d.push_back(std::log(points[i].tokens));
  }
  return best.size() < 3 ? Refit{} : power_laws(c, n, d, {});
}

std::vector<double> weights_of(const std::vector<Observation>& points) {
  std::vector<double> w;
  for (const Observation& o : points) w.push_back(o.weight);
  return w;
}

void set_laws(const Refit& laws, const FitOptions& options, FitResult& result) {
  if (laws.status == RefitStatus::failed) return;
  result.fitted = {
      .kind = LawKind::optimal, .values = laws.values, .name = "fit", .source = "", .convention = options.convention};
  result.derived = laws.derived;
}

void refuse_parametric(const BootstrapOptions& options, const std::string& method) {
  if (options.replicates > 0 && options.resample == "parametric") {
    fail_config("--resample parametric needs a law of the loss; with --method {} use runs or groups", method);
  }
}

}  // namespace

Budgets group_budgets(const std::vector<Observation>& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto compute = [&](std::size_t i) { return points[i].budget > 0 ? points[i].budget : points[i].flops; };
  std::ranges::stable_sort(order, {}, compute);
  Budgets out;
  out.of_point.resize(points.size());
  std::vector<double> first;
  std::vector<std::vector<double>> members;
  for (const std::size_t i : order) {
    const bool planned = points[i].budget > 0;
    const double same = planned ? 1 + 1e-9 : kSameBudget;
    if (first.empty() || compute(i) > first.back() * same) {
      first.push_back(compute(i));
      members.emplace_back();
    }
    members.back().push_back(std::log(points[i].flops));
    out.of_point[i] = first.size() - 1;
  }
  // What was spent, not what was planned: the geometric mean of the runs' own FLOPs.
  for (const auto& m : members) out.flops.push_back(std::exp(mean(m)));
  return out;
}

FitResult fit_isoflop(const std::vector<Observation>& points, const FitOptions& options) {
  refuse_parametric(options.bootstrap, "isoflop");
  FitResult result;
  result.law = LawKind::optimal;
  result.method = "isoflop";
  result.curve = options.curve;
  const bool makima = options.curve == "makima";
  const Budgets budgets = group_budgets(points);
  const std::vector<double> weights = weights_of(points);
  result.budgets = fit_budgets(points, budgets, weights, makima);
  const auto interior = std::ranges::count(result.budgets, std::string("interior"), &IsoflopBudget::status);
  const Refit laws = isoflop_laws(result.budgets);
  set_laws(laws, options, result);
  result.advice = recentring_advice(result);
  result.convergence.starts = result.convergence.starts_at_best = 1;
  if (interior >= 3) {
    result.convergence.status = "converged";
  } else {
    result.message = fmt::format(
        "{} of {} budgets have an interior minimum and a power law needs 3; add sizes on the side "
        "where the minimum lies, or budgets",
        interior, result.budgets.size());
  }
  if (laws.status == RefitStatus::ok && options.bootstrap.replicates > 0) {
    const std::vector<std::size_t> units = resampling_units(points, options.bootstrap.resample);
    // Runs are drawn within their budget; groups may span budgets and are drawn as a whole.
    const std::vector<std::size_t> strata =
        options.bootstrap.resample == "runs" ? budgets.of_point : std::vector<std::size_t>{};
    result.bootstrap = run_bootstrap(
        options.bootstrap, options.threads, law_info(LawKind::optimal).parameters, 0, [&](std::int64_t i) {
          std::vector<double> drawn = multiplicities(units, strata, options.bootstrap.seed, i);
          for (std::size_t k = 0; k < drawn.size(); ++k) drawn[k] *= weights[k];
          return isoflop_laws(fit_budgets(points, budgets, drawn, makima));
        });
  }
  return result;
}

FitResult fit_envelope(const std::vector<Observation>& points, const FitOptions& options) {
  refuse_parametric(options.bootstrap, "envelope");
  FitResult result;
  result.law = LawKind::optimal;
  result.method = "envelope";
  const std::vector<double> weights = weights_of(points);
  const std::vector<std::size_t> best = envelope_of(points, weights);
  const Refit laws = envelope_laws(points, best);
  set_laws(laws, options, result);
  result.convergence.starts = result.convergence.starts_at_best = 1;
  if (best.size() >= 4 && laws.status == RefitStatus::ok) {
    result.convergence.status = "converged";
  } else {
    result.message = fmt::format("{} runs lie on the lower envelope and a power law needs 4; add runs", best.size());
  }
  if (laws.status == RefitStatus::ok && options.bootstrap.replicates > 0) {
    const std::vector<std::size_t> units = resampling_units(points, options.bootstrap.resample);
    result.bootstrap = run_bootstrap(
        options.bootstrap, options.threads, law_info(LawKind::optimal).parameters, 0, [&](std::int64_t i) {
          const std::vector<double> drawn = multiplicities(units, {}, options.bootstrap.seed, i);
          return envelope_laws(points, envelope_of(points, drawn));
        });
  }
  return result;
}

}  // namespace scalelaw
