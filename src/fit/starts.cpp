#include "fit/starts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "fit/projection.hpp"

namespace scalelaw {
namespace {

constexpr std::size_t kStarts = 6;
constexpr std::size_t kStartsWithDecays = 12;  // R_D and R_N have several minima on real data
constexpr std::size_t kRanked = 10;            // by the objective itself

std::vector<double> exponent_grid(const Problem& p, std::size_t parameter) {
  if (p.fixed[parameter]) return {p.values[parameter]};
  std::vector<double> grid;
  for (double x = 0.03; x < 2.6; x *= 1.2) grid.push_back(x);
  return grid;
}

struct Cell {
  double value = 0;
  int i = 0, j = 0, layer = 0;
  StartValues values;
};

// The best cells, none a neighbour of a better one: nearer than `apart` in both directions.
std::vector<StartValues> best_cells(std::vector<Cell> cells, std::size_t count, int apart) {
  std::erase_if(cells, [](const Cell& c) { return !std::isfinite(c.value); });
  std::ranges::stable_sort(cells, {}, &Cell::value);
  std::vector<const Cell*> taken;
  for (const Cell& c : cells) {
    const bool near = std::ranges::any_of(taken, [&](const Cell* t) {
      return t->layer == c.layer && std::abs(t->i - c.i) < apart && std::abs(t->j - c.j) < apart;
    });
    if (!near) taken.push_back(&c);
    if (taken.size() == count) break;
  }
  std::vector<StartValues> starts;
  for (const Cell* c : taken) starts.push_back(c->values);
  return starts;
}

std::optional<double> fixed_value(const Problem& p, std::size_t k) {
  if (p.fixed[k]) return p.values[k];
  return std::nullopt;
}

LinearColumn power_column(const std::vector<double>& x, double exponent, const std::vector<double>& target,
                          std::optional<double> fixed) {
  LinearColumn c{.f = std::vector<double>(x.size()), .fixed = fixed};
  for (std::size_t i = 0; i < x.size(); ++i) c.f[i] = std::exp(-exponent * std::log(x[i])) / target[i];
  return c;
}

LinearColumn constant_column(const std::vector<double>& target, std::optional<double> fixed) {
  LinearColumn c{.f = target, .fixed = fixed};
  for (double& f : c.f) f = 1 / f;
  return c;
}

std::vector<double> values_of(const Problem& p, double LawPoint::*member) {
  std::vector<double> x;
  for (const LawPoint& point : p.points) x.push_back(point.*member);
  return x;
}

// E + A/x^alpha + B/y^beta over the grids of both exponents; `values` turns amplitudes and exponents into a start.
template <class Values>
void scan_surface(const Problem& p, const std::vector<double>& x, const std::vector<double>& y, int layer,
                  std::vector<Cell>& cells, const Values& values) {
  const std::vector<double> ones(p.size(), 1.0);
  const LinearColumn offset = constant_column(p.observed, fixed_value(p, 0));
  const std::vector<double> alphas = exponent_grid(p, 3), betas = exponent_grid(p, 4);
  std::vector<LinearColumn> x_columns, y_columns;
  for (const double alpha : alphas) x_columns.push_back(power_column(x, alpha, p.observed, fixed_value(p, 1)));
  for (const double beta : betas) y_columns.push_back(power_column(y, beta, p.observed, fixed_value(p, 2)));
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    for (std::size_t j = 0; j < betas.size(); ++j) {
      const Projection q = project(p.weights, {offset, x_columns[i], y_columns[j]}, ones);
      if (q.amplitude.empty()) continue;
      cells.push_back(
          {q.value, static_cast<int>(i), static_cast<int>(j), layer, values(q.amplitude, alphas[i], betas[j])});
    }
  }
}

std::vector<Cell> scan_chinchilla(const Problem& p) {
  std::vector<Cell> cells;
  scan_surface(p, values_of(p, &LawPoint::params), values_of(p, &LawPoint::tokens), 0, cells,
               [](const std::vector<double>& c, double alpha, double beta) {
                 return StartValues{c[0], c[1], c[2], alpha, beta};
               });
  return cells;
}

// The objective itself at values of all parameters.
double objective_at(const Problem& p, const StartValues& values) {
  const Vector theta = start_from(p, values);
  const bool huber = p.objective.kind == ObjectiveKind::log_huber;
  LocalModel at;
  evaluate(p, p.weights, huber ? p.objective.delta : std::numeric_limits<double>::infinity(), false,
           std::span(theta.data(), p.free.size()), at);
  return at.value;
}

// Which parameters the data can feed depends on the constants sought, so the linear problem knows repetition in D
// alone: for each R_D its few best cells, and with their constants the objective at each R_N.
std::vector<Cell> scan_data_constrained(const Problem& p) {
  constexpr std::size_t kPerDecay = 3;
  std::vector<double> octaves;
  for (double r = 0.5; r < 600; r *= 2) octaves.push_back(r);
  const std::vector<double> r_ds = p.fixed[5] ? std::vector{p.values[5]} : octaves;
  const std::vector<double> r_ns = p.fixed[6] ? std::vector{p.values[6]} : octaves;
  std::vector<Cell> cells;
  for (std::size_t i = 0; i < r_ds.size(); ++i) {
    std::vector<double> tokens;
    for (const LawPoint& point : p.points) {
      const double unique = point.unique_tokens > 0 ? std::min(point.unique_tokens, point.tokens) : point.tokens;
      tokens.push_back(unique * (1 - r_ds[i] * std::expm1(-(point.tokens / unique - 1) / r_ds[i])));
    }
    std::vector<Cell> flat;
    scan_surface(p, values_of(p, &LawPoint::params), tokens, 0, flat,
                 [&](const std::vector<double>& c, double alpha, double beta) {
                   return StartValues{c[0], c[1], c[2], alpha, beta, r_ds[i], 1};
                 });
    int layer = 0;
    for (StartValues values : best_cells(std::move(flat), kPerDecay, 3)) {
      for (std::size_t j = 0; j < r_ns.size(); ++j) {
        values[6] = r_ns[j];
        cells.push_back({objective_at(p, values), static_cast<int>(i), static_cast<int>(j), layer, values});
      }
      ++layer;
    }
  }
  return cells;
}

std::vector<Cell> scan_power(const Problem& p, double LawPoint::*variable) {
  std::vector<Cell> cells;
  const std::vector<double> x = values_of(p, variable), ones(p.size(), 1.0);
  const std::vector<double> alphas = exponent_grid(p, 1);
  const LinearColumn offset = constant_column(p.observed, fixed_value(p, 2));
  for (std::size_t i = 0; i < alphas.size(); ++i) {
    std::optional<double> amplitude;
    if (p.fixed[0]) amplitude = std::pow(p.values[0], alphas[i]);
    const Projection q = project(p.weights, {offset, power_column(x, alphas[i], p.observed, amplitude)}, ones);
    if (q.amplitude.empty() || !(q.amplitude[1] > 0)) continue;
    cells.push_back(
        {q.value, static_cast<int>(i), 0, 0, {std::pow(q.amplitude[1], 1 / alphas[i]), alphas[i], q.amplitude[0]}});
  }
  return cells;
}

// L^(1/alphaD) = Nc^r N^-r + Dc / D is linear in its amplitudes; a relative error of it counts alphaD times in L.
std::vector<Cell> scan_kaplan(const Problem& p) {
  std::vector<Cell> cells;
  const std::vector<double> n = values_of(p, &LawPoint::params), d = values_of(p, &LawPoint::tokens),
                            ones(p.size(), 1.0);
  const std::vector<double> alpha_ns = exponent_grid(p, 2), alpha_ds = exponent_grid(p, 3);
  for (std::size_t j = 0; j < alpha_ds.size(); ++j) {
    std::vector<double> target;
    for (const double loss : p.observed) target.push_back(std::pow(loss, 1 / alpha_ds[j]));
    if (!std::ranges::all_of(target, [](double t) { return t > 1e-250 && t < 1e250; })) continue;
    const LinearColumn data = power_column(d, 1, target, fixed_value(p, 1));
    for (std::size_t i = 0; i < alpha_ns.size(); ++i) {
      const double r = alpha_ns[i] / alpha_ds[j];
      std::optional<double> amplitude;
      if (p.fixed[0]) amplitude = std::pow(p.values[0], r);
      const Projection q = project(p.weights, {power_column(n, r, target, amplitude), data}, ones);
      if (q.amplitude.empty() || !(q.amplitude[0] > 0) || !(q.amplitude[1] > 0)) continue;
      cells.push_back({q.value * alpha_ds[j] * alpha_ds[j],
                       static_cast<int>(i),
                       static_cast<int>(j),
                       0,
                       {std::pow(q.amplitude[0], 1 / r), q.amplitude[1], alpha_ns[i], alpha_ds[j]}});
    }
  }
  return cells;
}

std::vector<Cell> scan_kaplan_steps(const Problem& p) {
  std::vector<Cell> cells;
  const std::vector<double> n = values_of(p, &LawPoint::params), s = values_of(p, &LawPoint::steps),
                            ones(p.size(), 1.0);
  const std::vector<double> alpha_ns = exponent_grid(p, 2), alpha_ss = exponent_grid(p, 3);
  for (std::size_t i = 0; i < alpha_ns.size(); ++i) {
    for (std::size_t j = 0; j < alpha_ss.size(); ++j) {
      std::optional<double> nc, sc;
      if (p.fixed[0]) nc = std::pow(p.values[0], alpha_ns[i]);
      if (p.fixed[1]) sc = std::pow(p.values[1], alpha_ss[j]);
      const Projection q =
          project(p.weights,
                  {power_column(n, alpha_ns[i], p.observed, nc), power_column(s, alpha_ss[j], p.observed, sc)}, ones);
      if (q.amplitude.empty() || !(q.amplitude[0] > 0) || !(q.amplitude[1] > 0)) continue;
      cells.push_back({q.value,
                       static_cast<int>(i),
                       static_cast<int>(j),
                       0,
                       {std::pow(q.amplitude[0], 1 / alpha_ns[i]), std::pow(q.amplitude[1], 1 / alpha_ss[j]),
                        alpha_ns[i], alpha_ss[j]}});
    }
  }
  return cells;
}

// (M/C)^eta = (6 N^2)^-eta and (M C)^-eta = (6 D^2)^-eta.
std::vector<Cell> scan_overtraining(const Problem& p) {
  std::vector<Cell> cells;
  std::vector<double> x, y;
  for (const LawPoint& point : p.points) {
    x.push_back(6 * point.params * point.params);
    y.push_back(6 * point.tokens * point.tokens);
  }
  const std::vector<double> ones(p.size(), 1.0), etas = exponent_grid(p, 3);
  const LinearColumn offset = constant_column(p.observed, fixed_value(p, 0));
  for (std::size_t i = 0; i < etas.size(); ++i) {
    const Projection q = project(p.weights,
                                 {offset, power_column(x, etas[i], p.observed, fixed_value(p, 1)),
                                  power_column(y, etas[i], p.observed, fixed_value(p, 2))},
                                 ones);
    if (q.amplitude.empty()) continue;
    cells.push_back({q.value, static_cast<int>(i), 0, 0, {q.amplitude[0], q.amplitude[1], q.amplitude[2], etas[i]}});
  }
  return cells;
}

std::vector<Cell> scan_optimal(const Problem& p) {
  double log_ratio = 0;  // through the geometric means at an exponent of one half
  for (std::size_t i = 0; i < p.size(); ++i) {
    log_ratio += (std::log(p.observed[i]) - 0.5 * std::log(p.points[i].flops)) / static_cast<double>(p.size());
  }
  return {{0, 0, 0, 0, {std::exp(log_ratio), 0.5}}};
}

std::vector<Cell> scan(const Problem& p) {
  switch (p.law) {
    case LawKind::chinchilla:
      return scan_chinchilla(p);
    case LawKind::kaplan:
      return scan_kaplan(p);
    case LawKind::power_n:
      return scan_power(p, &LawPoint::params);
    case LawKind::power_d:
      return scan_power(p, &LawPoint::tokens);
    case LawKind::power_c:
      return scan_power(p, &LawPoint::flops);
    case LawKind::kaplan_steps:
      return scan_kaplan_steps(p);
    case LawKind::data_constrained:
      return scan_data_constrained(p);
    case LawKind::overtraining:
      return scan_overtraining(p);
    case LawKind::optimal:
      return scan_optimal(p);
  }
  return {};
}

// Cells with the objective itself for their value: those below all their neighbours first, then the best others.
std::vector<StartValues> ranked_cells(const Problem& p, std::vector<Cell> cells) {
  std::map<std::array<int, 3>, double> grid;
  for (Cell& c : cells) {
    c.value = objective_at(p, c.values);
    if (std::isfinite(c.value)) grid[{c.layer, c.i, c.j}] = c.value;
  }
  std::vector<Cell> basins;
  for (const Cell& c : cells) {
    bool least = std::isfinite(c.value);
    for (int i = -1; i <= 1; ++i) {
      for (int j = -1; j <= 1; ++j) {
        const auto it = grid.find({c.layer, c.i + i, c.j + j});
        if (it != grid.end() && it->second < c.value) least = false;
      }
    }
    if (least) basins.push_back(c);
  }
  std::vector<StartValues> starts = best_cells(std::move(basins), kRanked / 2, 1);
  for (StartValues& values : best_cells(std::move(cells), kRanked, 3)) {
    if (starts.size() == kRanked) break;
    if (std::ranges::find(starts, values) == starts.end()) starts.push_back(std::move(values));
  }
  return starts;
}

std::size_t projected_count(const Problem& p) {
  return p.law == LawKind::data_constrained ? kStartsWithDecays : kStarts;
}

std::vector<StartValues> projected(const Problem& p, std::vector<Cell> cells) {
  return best_cells(std::move(cells), projected_count(p), p.law == LawKind::data_constrained ? 2 : 3);
}

}  // namespace

std::vector<StartValues> projection_starts(const Problem& problem) { return projected(problem, scan(problem)); }

SearchStarts search_starts(const Problem& problem) {
  std::vector<Cell> cells = scan(problem);
  SearchStarts starts{.projected = projected(problem, cells), .ranked = ranked_cells(problem, std::move(cells))};
  const auto& names = law_info(problem.law).parameters;
  for (const Law& law : published_laws()) {
    if (law.kind != problem.law) continue;
    starts.ranked.push_back(law.values);
    // The exponents alone, with the amplitudes that these points ask for.
    Problem shaped = problem;
    for (std::size_t k = 0; k < names.size(); ++k) {
      if (shaped.fixed[k] || (is_log_parameter(names[k]) && names[k] != "R_D" && names[k] != "R_N")) continue;
      shaped.fixed[k] = true;
      shaped.values[k] = law.values[k];
    }
    for (StartValues& values : best_cells(scan(shaped), 1, 1)) starts.ranked.push_back(std::move(values));
  }
  return starts;
}

std::vector<StartValues> hoffmann_grid_starts(const Problem& problem) {
  if (problem.law != LawKind::chinchilla) {
    fail_config(
        "--starts grid: the 4,500 starts of Hoffmann et al. are for the law chinchilla, not {}; use --starts "
        "projection",
        law_info(problem.law).name);
  }
  std::vector<StartValues> starts;
  for (int alpha = 0; alpha < 5; ++alpha)
    for (int beta = 0; beta < 5; ++beta)
      for (int e = 0; e < 5; ++e)
        for (int a = 0; a < 6; ++a)
          for (int b = 0; b < 6; ++b)
            starts.push_back({std::exp(-1 + 0.5 * e), std::exp(5.0 * a), std::exp(5.0 * b), 0.5 * alpha, 0.5 * beta});
  return starts;
}

}  // namespace scalelaw
