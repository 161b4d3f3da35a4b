#include "fit/isoflop.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "core/stats.hpp"

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

IsoflopBudget fit_budget(const std::vector<Observation>& points, const std::vector<std::size_t>& members,
                         const std::vector<double>& weights, double flops) {
  IsoflopBudget budget;
  budget.flops = flops;
  std::vector<double> x, y, w, log_tokens;
  for (const std::size_t i : members) {
    if (!(weights[i] > 0)) continue;
    x.push_back(std::log(points[i].params));
    y.push_back(points[i].loss_nats);
    w.push_back(weights[i]);
    log_tokens.push_back(std::log(points[i].tokens));
  }
  budget.points = static_cast<std::int64_t>(x.size());
  if (std::set<double>(x.begin(), x.end()).size() < 3) {
    budget.status = "too_few_points";
    return budget;
  }
  fit_parabola(x, y, w, budget);
  const auto [low, high] = std::ranges::minmax(x);
  const double best = x[static_cast<std::size_t>(std::ranges::min_element(y) - y.begin())];
  const double vertex = -budget.linear / (2 * budget.curvature);
  if (!(budget.curvature > 0)) {
    budget.status = "not_convex";
  } else if (vertex <= low || best <= low) {
    budget.status = "edge_low";
  } else if (vertex >= high || best >= high) {
    budget.status = "edge_high";
  } else {
    budget.status = "interior";
    const Line line = fit_line(x, log_tokens, w);
    budget.params = std::exp(vertex);
    budget.tokens = std::exp(line.intercept + line.slope * vertex);
    budget.loss_nats = budget.constant + 0.5 * budget.linear * vertex;
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
                                       const std::vector<double>& weights) {
  std::vector<IsoflopBudget> out;
  const auto members = members_of(budgets);
  for (std::size_t k = 0; k < members.size(); ++k)
    out.push_back(fit_budget(points, members[k], weights, budgets.flops[k]));
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
  const Budgets budgets = group_budgets(points);
  const std::vector<double> weights = weights_of(points);
  result.budgets = fit_budgets(points, budgets, weights);
  const auto interior = std::ranges::count(result.budgets, std::string("interior"), &IsoflopBudget::status);
  const Refit laws = isoflop_laws(result.budgets);
  set_laws(laws, options, result);
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
    const std::size_t count = *std::ranges::max_element(units) + 1;
    // Runs are drawn within their budget; groups may span budgets and are drawn as a whole.
    const std::vector<std::size_t> strata =
        options.bootstrap.resample == "runs" ? budgets.of_point : std::vector<std::size_t>{};
    result.bootstrap = run_bootstrap(
        options.bootstrap, options.threads, law_info(LawKind::optimal).parameters, count, 2, [&](std::int64_t i) {
          std::vector<double> drawn = multiplicities(units, strata, options.bootstrap.seed, i);
          for (std::size_t k = 0; k < drawn.size(); ++k) drawn[k] *= weights[k];
          return isoflop_laws(fit_budgets(points, budgets, drawn));
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
    const std::size_t count = *std::ranges::max_element(units) + 1;
    result.bootstrap = run_bootstrap(
        options.bootstrap, options.threads, law_info(LawKind::optimal).parameters, count, 2, [&](std::int64_t i) {
          const std::vector<double> drawn = multiplicities(units, {}, options.bootstrap.seed, i);
          return envelope_laws(points, envelope_of(points, drawn));
        });
  }
  return result;
}

}  // namespace scalelaw
