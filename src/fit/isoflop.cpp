#include "fit/isoflop.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

#include "core/format.hpp"
#include "core/rng.hpp"
#include "core/stats.hpp"
#include "fit/draws.hpp"
#include "fit/envelope.hpp"
#include "fit/makima.hpp"
#include "fit/recentre.hpp"
#include "fit/valley.hpp"
#include "fit/without_law.hpp"

namespace scalelaw::inline fit {
namespace {

// The runs of one budget that count, by size.
struct BudgetPoints {
  std::vector<double> log_params, loss, weight, log_tokens;
};

BudgetPoints points_of(const std::vector<Observation>& points, const std::vector<double>& losses,
                       const std::vector<std::size_t>& members, const std::vector<double>& weights) {
  std::vector<std::size_t> order;
  std::ranges::copy_if(members, std::back_inserter(order), [&](std::size_t i) { return weights[i] > 0; });
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return points[i].params; });
  BudgetPoints out;
  for (const std::size_t i : order) {
    out.log_params.push_back(std::log(points[i].params));
    out.loss.push_back(losses[i]);
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
BudgetStatus parabola_optimum(const BudgetPoints& p, const Parabola& curve, CurveMinimum& at) {
  const double low = p.log_params.front(), high = p.log_params.back();
  const double best = p.log_params[static_cast<std::size_t>(std::ranges::min_element(p.loss) - p.loss.begin())];
  at.x = curve.vertex();
  at.y = curve.constant + 0.5 * curve.linear * at.x;
  if (!(curve.curvature > 0)) return BudgetStatus::not_convex;
  if (at.x <= low || best <= low) return BudgetStatus::edge_low;
  if (at.x >= high || best >= high) return BudgetStatus::edge_high;
  return BudgetStatus::interior;
}

BudgetStatus makima_optimum(const BudgetPoints& merged, CurveMinimum& at) {
  const auto lowest = std::ranges::min_element(merged.loss) - merged.loss.begin();
  if (lowest == 0) return BudgetStatus::edge_low;
  if (lowest + 1 == std::ssize(merged.loss)) return BudgetStatus::edge_high;
  at = makima_minimum(merged.log_params, merged.loss);
  return BudgetStatus::interior;
}

// Root mean square of ln loss about the parabola, weights at mean 1, with n - 3 degrees of freedom.
double rms_about(const BudgetPoints& p, const Parabola& curve) {
  double squares = 0, weights = 0;
  for (std::size_t i = 0; i < p.loss.size(); ++i) {
    const double predicted = curve.at(p.log_params[i]);
    if (!(predicted > 0) || !(p.loss[i] > 0)) return 0;
    squares += p.weight[i] * std::pow(std::log(p.loss[i] / predicted), 2);
    weights += p.weight[i];
  }
  const auto n = static_cast<double>(p.loss.size());
  return n > 3 ? std::sqrt(squares * n / weights / (n - 3)) : 0;
}

IsoflopBudget fit_budget(const BudgetPoints& p, double flops, bool makima) {
  IsoflopBudget budget;
  budget.flops = flops;
  budget.points = std::ssize(p.loss);
  if (!p.loss.empty()) {
    budget.sizes = {std::exp(p.log_params.front()), std::exp(p.log_params.back())};
    budget.center = std::exp(mean(p.log_params));
  }
  const BudgetPoints merged = merge_sizes(p);
  if (merged.loss.size() < (makima ? 4 : 3)) {
    budget.status = BudgetStatus::too_few_points;
    return budget;
  }
  const Parabola curve = fit_parabola(p.log_params, p.loss, p.weight);
  CurveMinimum at;
  budget.status = makima ? makima_optimum(merged, at) : parabola_optimum(p, curve, at);
  const double none = std::numeric_limits<double>::quiet_NaN();
  budget.constant = makima ? none : curve.constant;
  budget.linear = makima ? none : curve.linear;
  budget.curvature = makima ? none : curve.curvature;
  budget.rms = rms_about(p, curve);
  if (budget.status == BudgetStatus::interior) {
    const Line line = fit_line(p.log_params, p.log_tokens, p.weight);
    budget.params = std::exp(at.x);
    budget.tokens = std::exp(line.intercept + line.slope * at.x);
    budget.loss_nats = at.y;
  }
  return budget;
}

std::vector<std::vector<std::size_t>> members_of(const Budgets& budgets) {
  std::vector<std::vector<std::size_t>> members(budgets.flops.size());
  for (std::size_t i = 0; i < budgets.of_point.size(); ++i) members[budgets.of_point[i]].push_back(i);
  return members;
}

Refit isoflop_laws(const std::vector<IsoflopBudget>& budgets) {
  std::vector<double> c, n, d;
  for (const IsoflopBudget& b : budgets) {
    if (!has_minimum(b)) continue;
    c.push_back(std::log(b.flops));
    n.push_back(std::log(b.params));
    d.push_back(std::log(b.tokens));
  }
  return c.size() < 2 ? Refit{} : optimum_laws(c, n, d);
}

std::vector<IsoflopBudget> fit_budgets(const std::vector<Observation>& points, const std::vector<double>& losses,
                                       const Budgets& budgets, const std::vector<double>& weights, bool makima) {
  std::vector<IsoflopBudget> out;
  const auto members = members_of(budgets);
  for (std::size_t k = 0; k < members.size(); ++k) {
    out.push_back(fit_budget(points_of(points, losses, members[k], weights), budgets.flops[k], makima));
  }
  return out;
}

std::string run_text(const Observation& o) {
  const std::string what = fmt::format("loss {:.4g}", o.loss_nats);
  return o.run.empty() ? fmt::format("N {} ({})", short_count(o.params), what) : fmt::format("{} ({})", o.run, what);
}

// Two sizes to either side of the least loss.
std::vector<std::size_t> nearest_the_least(const std::vector<Observation>& points,
                                           const std::vector<std::size_t>& order) {
  std::size_t least = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (points[order[i]].loss_nats < points[order[least]].loss_nats) least = i;
  }
  const std::size_t first = least < 2 ? 0 : least - 2, last = std::min(order.size(), least + 3);
  return {order.begin() + static_cast<std::ptrdiff_t>(first), order.begin() + static_cast<std::ptrdiff_t>(last)};
}

// A budget whose losses are no valley, or whose parabola lies below all of them.
struct Rejected {
  std::vector<std::size_t> order;  // its runs by size
  ValleyCheck check;               // of those, as indices into `order`
  std::optional<double> vertex;    // loss at the parabola's minimum, where it lies inside
};

std::optional<Rejected> rejected_parabola(const std::vector<Observation>& points,
                                          const std::vector<std::size_t>& members, const std::vector<double>& weights,
                                          const std::optional<NoiseModel>& known) {
  std::vector<std::size_t> order;
  std::ranges::copy_if(members, std::back_inserter(order), [&](std::size_t i) { return weights[i] > 0; });
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return points[i].params; });
  if (order.size() < 4) return std::nullopt;
  std::vector<double> x, y, w, noise;
  for (const std::size_t i : order) {
    x.push_back(std::log(points[i].params));
    y.push_back(points[i].loss_nats);
    w.push_back(weights[i]);
    noise.push_back(known ? known->at(points[i].loss_nats) / std::sqrt(points[i].seeds) : 0.0);
  }
  if (std::set<double>(x.begin(), x.end()).size() < 3) return std::nullopt;
  const Parabola curve = fit_parabola(x, y, w);
  const double least = *std::ranges::min_element(y), vertex = curve.at(curve.vertex());
  const double scatter = *std::ranges::max_element(noise);
  const bool inside = curve.curvature > 0 && curve.vertex() > x.front() && curve.vertex() < x.back();
  const bool below = inside && vertex < least * (1 - std::max(kVertexBelow, 5 * scatter));
  double off = 0;
  for (std::size_t i = 0; i < x.size(); ++i) off = std::max(off, std::abs(curve.at(x[i]) / y[i] - 1));
  if (!below && off < kVertexBelow) return std::nullopt;
  Rejected out{.order = order, .check = check_valley(x, y, scatter), .vertex = {}};
  if (out.check.valley && out.check.above.empty() && !below) return std::nullopt;
  if (inside) out.vertex = vertex;
  return out;
}

// A rejected budget is fitted again without the runs that spoil it; those get weight 0.
void check_parabola(const std::vector<Observation>& points, const std::vector<std::size_t>& members,
                    const FitOptions& options, std::vector<double>& weights, IsoflopBudget& budget) {
  if (budget.status == BudgetStatus::too_few_points) return;
  const auto rejected = rejected_parabola(points, members, weights, options.noise);
  if (!rejected) return;
  const auto& [order, check, vertex] = *rejected;
  std::vector<std::size_t> kept = order;
  if (!check.above.empty()) {
    for (const std::size_t i : check.above) std::erase(kept, order[i]);
  } else {
    kept = nearest_the_least(points, order);
  }
  for (const std::size_t i : order) {
    if (std::ranges::find(kept, i) == kept.end()) weights[i] = 0;
  }
  std::vector<double> losses;
  for (const Observation& o : points) losses.push_back(o.loss_nats);
  const bool makima = options.curve == BudgetCurve::makima;
  IsoflopBudget again = fit_budget(points_of(points, losses, kept, weights), budget.flops, makima);
  again.points = budget.points;
  if (vertex) again.rejected_loss = *vertex;
  for (const std::size_t i : check.above) again.plateau.push_back(run_text(points[order[i]]));
  std::ranges::sort(again.plateau);
  if (again.status != BudgetStatus::interior) again.params = 0;
  again.status = BudgetStatus::not_a_parabola;
  budget = std::move(again);
}

// Noise of ln loss for the parametric bootstrap: of the residuals about the parabolas, pooled over the budgets that
// have a minimum; where those leave no degree of freedom, between seeds.
NoiseModel pooled_noise(const std::vector<IsoflopBudget>& budgets, const std::vector<std::vector<std::size_t>>& members,
                        const std::vector<double>& weights, const FitOptions& options) {
  double squares = 0, freedom = 0;
  for (std::size_t k = 0; k < members.size(); ++k) {
    const IsoflopBudget& b = budgets[k];
    const auto used = std::ranges::count_if(members[k], [&](std::size_t i) { return weights[i] > 0; });
    if (!has_minimum(b) || used < 4) continue;
    squares += b.rms * b.rms * static_cast<double>(used - 3);
    freedom += static_cast<double>(used - 3);
  }
  if (freedom > 0) return {.sd = std::sqrt(squares / freedom), .freedom = static_cast<std::int64_t>(freedom)};
  return options.noise.value_or(NoiseModel{});
}

// Losses redrawn around each budget's curve: the parabola, or for makima, which passes through every loss, the losses.
std::vector<double> centers_of(const std::vector<Observation>& points,
                               const std::vector<std::vector<std::size_t>>& members,
                               const std::vector<IsoflopBudget>& budgets) {
  std::vector<double> out;
  for (const Observation& o : points) out.push_back(o.loss_nats);
  for (std::size_t k = 0; k < members.size(); ++k) {
    const IsoflopBudget& b = budgets[k];
    if (!std::isfinite(b.curvature) || !has_minimum(b)) continue;
    const Parabola curve{b.constant, b.linear, b.curvature};
    for (const std::size_t i : members[k]) out[i] = curve.at(std::log(points[i].params));
  }
  return out;
}

void bootstrap_isoflop(const std::vector<Observation>& points, const FitOptions& options, const Budgets& budgets,
                       const std::vector<double>& weights, FitResult& result) {
  const bool makima = options.curve == BudgetCurve::makima;
  BootstrapOptions boot = options.bootstrap;
  boot.resample = resolved_resample(boot.resample, Method::isoflop, points);
  const std::vector<IsoflopBudget>& fitted = result.isoflop().budgets;
  const auto minima = std::ranges::count_if(fitted, has_minimum);
  std::vector<double> losses;
  for (const Observation& o : points) losses.push_back(o.loss_nats);
  const auto members = members_of(budgets);
  std::atomic<std::int64_t> partial = 0;
  std::vector<WithoutLaw> free_of_law(static_cast<std::size_t>(boot.replicates));
  const auto refit = [&](std::int64_t i, const std::vector<double>& drawn_losses, const std::vector<double>& drawn) {
    const auto again = fit_budgets(points, drawn_losses, budgets, drawn, makima);
    Refit laws = isoflop_laws(again);
    if (laws.status == RefitStatus::ok) free_of_law[static_cast<std::size_t>(i)] = without_law(again);
    if (laws.status == RefitStatus::ok && std::ranges::count_if(again, has_minimum) < minima) ++partial;
    return laws;
  };
  const auto& names = law_form(LawKind::optimal).parameters;
  if (boot.resample == Resample::parametric) {
    const NoiseModel noise = pooled_noise(fitted, members, weights, options);
    if (noise.freedom == 0) {
      result.cautions.emplace_back(
          "no interval: budgets of three sizes leave nothing to tell the noise by; add sizes or seeds");
      return;
    }
    const std::vector<double> centers = centers_of(points, members, fitted);
    std::vector<double> used = weights, share(points.size(), 1.0);
    for (std::size_t k = 0; k < members.size(); ++k) {
      double sum = 0, count = 0;
      for (const std::size_t i : members[k]) sum += weights[i], count += weights[i] > 0 ? 1 : 0;
      for (const std::size_t i : members[k]) {
        if (weights[i] > 0) share[i] = std::sqrt(sum / count / weights[i]);
        if (!has_minimum(fitted[k])) used[i] = 0;
      }
    }
    result.bootstrap = run_bootstrap(boot, options.threads, names, noise.freedom, [&](std::int64_t i) {
      Rng rng = make_rng(boot.seed, "bootstrap", static_cast<std::uint64_t>(i));
      std::vector<double> drawn = centers;
      for (std::size_t k = 0; k < drawn.size(); ++k) {
        drawn[k] *= std::exp(noise.at(centers[k]) * share[k] * standard_normal(rng));
      }
      return refit(i, drawn, used);
    });
  } else {
    const std::vector<std::size_t> units = resampling_units(points, boot.resample);
    // Runs are drawn within their budget; groups may span budgets and are drawn as a whole.
    const std::vector<std::size_t> strata =
        boot.resample == Resample::runs ? budgets.of_point : std::vector<std::size_t>{};
    result.bootstrap = run_bootstrap(boot, options.threads, names, 0, [&](std::int64_t i) {
      std::vector<double> drawn = multiplicities(units, strata, boot.seed, i);
      for (std::size_t k = 0; k < drawn.size(); ++k) drawn[k] *= weights[k];
      return refit(i, losses, drawn);
    });
  }
  result.bootstrap.partial = partial;
  add_intervals(std::get<IsoflopFit>(result.by_method).without_law, free_of_law, interval_tail(result));
}

// What approach 2 makes of the law's own losses at these points, less the law's a and b.
std::map<std::string, double> parabola_bias(std::vector<Observation> points, const Law& law, FitOptions options) {
  const auto exact = allocation_exponents(law);
  if (!exact) return {};
  std::erase_if(points, [](const Observation& o) { return !(o.weight > 0); });
  for (Observation& o : points) o.loss_nats = predict_loss(law, o.scale());
  options.goodness = false;
  options.bootstrap.replicates = 0;
  const FitResult fit = fit_isoflop(points, options);
  if (!fit.converged() || !fit.derived.contains("a") || !fit.derived.contains("b")) return {};
  return {{"a", fit.derived.at("a") - exact->a}, {"b", fit.derived.at("b") - exact->b}};
}

}  // namespace

std::vector<PlateauRun> plateau_runs(const std::vector<Observation>& points, const std::optional<NoiseModel>& noise) {
  std::vector<PlateauRun> out;
  std::vector<double> weights;
  for (const Observation& o : points) weights.push_back(repeats_data(o) ? 0 : o.weight);
  for (const auto& members : members_of(group_budgets(points))) {
    const auto rejected = rejected_parabola(points, members, weights, noise);
    if (!rejected || !rejected->check.valley) continue;
    for (const std::size_t i : rejected->check.above) {
      const std::size_t point = rejected->order[i];
      out.push_back({point, run_text(points[point])});
    }
  }
  return out;
}

FitResult fit_isoflop(const std::vector<Observation>& points, const FitOptions& options) {
  FitResult result;
  result.law = LawKind::optimal;
  auto& own = result.by_method.emplace<IsoflopFit>();
  own.curve = options.curve;
  const bool makima = options.curve == BudgetCurve::makima;
  const Budgets budgets = group_budgets(points);
  const auto members = members_of(budgets);
  std::vector<double> weights = weights_of(points), losses;
  for (const Observation& o : points) losses.push_back(o.loss_nats);
  own.budgets = fit_budgets(points, losses, budgets, weights, makima);
  for (std::size_t k = 0; k < members.size(); ++k) {
    check_parabola(points, members[k], options, weights, own.budgets[k]);
  }
  const auto minima = std::ranges::count_if(own.budgets, has_minimum);
  const Refit laws = isoflop_laws(own.budgets);
  set_laws(laws, options, result);
  own.without_law = without_law(own.budgets);
  own.advice = recentring_advice(result);
  result.cautions = rejected_parabolas(own.budgets);
  if (options.goodness && !makima) {
    std::vector<Observation> used = points;
    auto kept = members;
    for (std::size_t i = 0; i < used.size(); ++i) used[i].weight = weights[i];
    for (auto& list : kept) std::erase_if(list, [&](std::size_t i) { return !(weights[i] > 0); });
    const std::optional<Law> law = law_beside(used, options.law, options.threads);
    const auto lines = compare_minima(used, kept, law, own.budgets);
    result.cautions.insert(result.cautions.end(), lines.begin(), lines.end());
    if (law) own.bias = parabola_bias(used, *law, options);
    own.bias_law = law && !own.bias.empty() ? law->form().name : "";
  }
  result.convergence.starts = result.convergence.starts_at_best = 1;
  if (minima >= 3) {
    result.convergence.status = FitStatus::converged;
  } else {
    result.message = fmt::format(
        "{} of {} budgets have an interior minimum and a power law needs 3; add sizes on the side "
        "where the minimum lies, or budgets",
        minima, own.budgets.size());
  }
  if (laws.status == RefitStatus::ok && options.bootstrap.replicates > 0) {
    bootstrap_isoflop(points, options, budgets, weights, result);
  }
  return result;
}

}  // namespace scalelaw::inline fit
