#include "fit/starts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace scalelaw {
namespace {

constexpr std::size_t kStarts = 6;
constexpr std::size_t kStartsWithDecays = 12;  // R_D and R_N have several minima on real data

/// A term c * f of a law that is linear in its amplitude c, at one value of the exponent, divided by the target.
struct Column {
  std::vector<double> f;
  std::optional<double> fixed;
};

struct Projection {
  double value = std::numeric_limits<double>::infinity();
  std::vector<double> amplitude;
};

double dot(std::span<const double> w, const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += w[i] * a[i] * b[i];
  return sum;
}

// Minimises sum w (sum_k c_k f_k - 1)^2 over c >= 0 by trying every set of positive amplitudes: at most 2^3.
Projection project(std::span<const double> w, const std::vector<Column>& columns, const std::vector<double>& target) {
  const std::size_t m = columns.size();
  std::vector<double> rest = target;
  for (const Column& c : columns) {
    if (!c.fixed) continue;
    for (std::size_t i = 0; i < rest.size(); ++i) rest[i] -= *c.fixed * c.f[i];
  }
  std::vector<std::size_t> open;
  for (std::size_t k = 0; k < m; ++k) {
    if (!columns[k].fixed) open.push_back(k);
  }
  std::array<Vector, kMaxFree> gram{};
  Vector right{}, norm{};
  for (std::size_t a = 0; a < open.size(); ++a) {
    norm[a] = std::sqrt(dot(w, columns[open[a]].f, columns[open[a]].f));
    if (!(norm[a] > 0) || !std::isfinite(norm[a])) return {};
  }
  for (std::size_t a = 0; a < open.size(); ++a) {
    right[a] = dot(w, columns[open[a]].f, rest) / norm[a];
    for (std::size_t b = 0; b <= a; ++b) {
      gram[a][b] = gram[b][a] = dot(w, columns[open[a]].f, columns[open[b]].f) / (norm[a] * norm[b]);
    }
  }
  const double total = dot(w, rest, rest);
  Projection best;
  for (unsigned set = 0; set < (1U << open.size()); ++set) {
    std::array<Vector, kMaxFree> h{};
    Vector c{};
    std::vector<std::size_t> in;
    for (std::size_t a = 0; a < open.size(); ++a) {
      if ((set >> a) & 1U) in.push_back(a);
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      c[i] = right[in[i]];
      for (std::size_t j = 0; j < in.size(); ++j) h[i][j] = gram[in[i]][in[j]];
    }
    if (!solve_spd(h, c, in.size())) continue;
    double value = total;
    bool positive = true;
    for (std::size_t i = 0; i < in.size(); ++i) {
      value -= c[i] * right[in[i]];
      positive = positive && c[i] > 0;
    }
    if (!positive || !(value < best.value)) continue;
    best.value = value;
    best.amplitude.assign(m, 0.0);
    for (std::size_t k = 0; k < m; ++k) best.amplitude[k] = columns[k].fixed.value_or(0.0);
    for (std::size_t i = 0; i < in.size(); ++i) best.amplitude[open[in[i]]] = c[i] / norm[in[i]];
  }
  return best;
}

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

Column power_column(const std::vector<double>& x, double exponent, const std::vector<double>& target,
                    std::optional<double> fixed) {
  Column c{.f = std::vector<double>(x.size()), .fixed = fixed};
  for (std::size_t i = 0; i < x.size(); ++i) c.f[i] = std::exp(-exponent * std::log(x[i])) / target[i];
  return c;
}

Column constant_column(const std::vector<double>& target, std::optional<double> fixed) {
  Column c{.f = target, .fixed = fixed};
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
  const Column offset = constant_column(p.observed, fixed_value(p, 0));
  const std::vector<double> alphas = exponent_grid(p, 3), betas = exponent_grid(p, 4);
  std::vector<Column> x_columns, y_columns;
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
  const Column offset = constant_column(p.observed, fixed_value(p, 2));
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
    const Column data = power_column(d, 1, target, fixed_value(p, 1));
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
  const Column offset = constant_column(p.observed, fixed_value(p, 0));
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

}  // namespace

std::vector<StartValues> projection_starts(const Problem& problem) {
  if (problem.law == LawKind::data_constrained) return best_cells(scan(problem), kStartsWithDecays, 2);
  return best_cells(scan(problem), kStarts, 3);
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
