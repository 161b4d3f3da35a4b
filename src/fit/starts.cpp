#include "fit/starts.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "fit/evaluate.hpp"
#include "fit/linear_problem.hpp"
#include "fit/solve.hpp"

namespace scalelaw::inline fit {
namespace {

// Starts by variable projection, for a law that is linear in its coefficients at given exponents.
//
// Legend, for one law and n points:
//   c         coefficients: amplitudes and offset, none negative     eta   exponents and decays
//   g_k [n]   term k at amplitude 1: x^-exponent, 1 for an offset    o [n] losses observed
//   power     of the loss that is linear in c: 1, for kaplan 1/alphaD (LawForm::linear)
//   f_k [n]   = g_k / o^power, the columns                           w [n] weights
//   cell      a point eta of the grid (`at`, an index a direction) with the best c there and their misfit (`value`)
//
// Derivation. At given eta the law is L^power = sum_k c_k g_k(eta), linear in c. The least misfit over all constants is
// the least over eta of the least over c (Golub and Pereyra 1973), and the inner one,
//   v(eta) = min over c >= 0 of  sum_i w_i (sum_k c_k f_k(i; eta) - 1)^2 / power^2,
// is nonnegative least squares, which fit/projection.hpp solves exactly over every active set. Its terms are relative
// errors, (L/o)^power - 1 = power ln(L/o) to first order: v is about the sum of the squared log residuals. So the
// search runs over the one or two exponents alone, and takes no guess of coefficients, whose sizes depend on N, D and
// the text. A law that has a start of its own (LawForm::start) has one minimum and needs no grid; one that becomes
// another in a limit (LawForm::limit) begins near the least of that.
//
// The grid: a start need not be good, it has to lie in the right basin, and Newton's method goes the rest. With c
// fitted anew at every eta, what a fifth more of an exponent does to x^-exponent over the points is mostly a factor,
// which c takes up; so v changes slowly from cell to cell. The 25 values, 0.03 to 2.4, surround all published exponents
// (0.05 to 0.76). What is fitted is Huber's objective, not v, and it may have several minima: hence several cells that
// are not neighbours, and a second ranking of the same cells by the objective itself.
//
// A law with an outer power, (L - E)^power = sum, is linear only at a given offset: E takes a few shares of the least
// loss, and the misfit is that of L itself, ln(L/o) = (o - E)/o x relative error of the left side / power.
//
// Passes: 1. the linear problem at one eta (fit/linear_problem.hpp); 2. v over the grid of exponents; 3. with decays:
// the first on a grid around that, for each the others by the objective; with exponents of repetition: all of them on a
// coarser grid around that; 4. the best cells by v; 5. the best cells by the objective.

constexpr std::size_t kStarts = 6;
constexpr std::size_t kStartsWithDecays = 12;  // of repetition: decays have several minima on real data
constexpr std::size_t kRanked = 10;            // by the objective itself
constexpr std::size_t kPerDecay = 3;           // cells kept for each decay of the linear problem
constexpr std::array kOuterPowers = {0.1, 0.17, 0.3, 0.5, 0.75, 1.0, 1.5, 2.5};
constexpr std::array kOffsetShares = {0.0, 0.4, 0.7, 0.9};  // of the least loss
constexpr double kCoarser = 1.44;                           // a step of its exponents

bool near(const Cell& a, const Cell& b, int apart) {
  if (a.layer != b.layer) return false;
  for (std::size_t k = 0; k < a.at.size(); ++k) {
    if (std::abs(a.at[k] - b.at[k]) >= apart) return false;
  }
  return true;
}

// The best cells, none a neighbour of a better one: nearer than `apart` in every direction.
std::vector<StartValues> best_cells(std::vector<Cell> cells, std::size_t count, int apart) {
  std::erase_if(cells, [](const Cell& c) { return !std::isfinite(c.value); });
  std::ranges::stable_sort(cells, {}, &Cell::value);
  std::vector<const Cell*> taken;
  for (const Cell& c : cells) {
    if (std::ranges::none_of(taken, [&](const Cell* t) { return near(*t, c, apart); })) taken.push_back(&c);
    if (taken.size() == count) break;
  }
  std::vector<StartValues> starts;
  for (const Cell* c : taken) starts.push_back(c->values);
  return starts;
}

// The exponents of N, D and so on, or those of repetition.
std::vector<std::size_t> exponents_for(const LawForm& form, bool repetition) {
  std::vector<std::size_t> found = form.of_role(Role::exponent);
  std::erase_if(found, [&](std::size_t k) { return form.constants[k].repetition != repetition; });
  return found;
}

// The values to try of a constant: of an exponent 0.03 to 2.4 in steps of a fifth, of repetition 0.25 to 2 in octaves,
// of a decay 0.5 to 512 in octaves.
std::vector<double> grid_of(const Problem& p, std::size_t constant) {
  if (p.fixed[constant]) return {p.values[constant]};
  if (p.form().constants[constant].repetition && p.form().constants[constant].role == Role::exponent)
    return {0.25, 0.5, 1, 2};
  const bool exponent = p.form().constants[constant].role == Role::exponent;
  std::vector<double> grid;
  for (double x = exponent ? 0.03 : 0.5; x < (exponent ? 2.6 : 600); x *= exponent ? 1.2 : 2) grid.push_back(x);
  return grid;
}

// Every point of the grid of these constants, the last of them fastest, set into `values`.
template <class See>
void each_of_grid(const Problem& p, const std::vector<std::size_t>& constants, const StartValues& from, See&& see) {
  std::vector<std::vector<double>> grids;
  for (const std::size_t k : constants) grids.push_back(grid_of(p, k));
  StartValues values = from;
  std::array<int, 3> at{};
  SCALELAW_CHECK(constants.size() <= at.size(), "a grid over {} constants", constants.size());
  const auto descend = [&](const auto& self, std::size_t depth) -> void {
    if (depth == constants.size()) {
      see(at, values);
      return;
    }
    for (std::size_t i = 0; i < grids[depth].size(); ++i) {
      at[depth] = static_cast<int>(i);
      values[constants[depth]] = grids[depth][i];
      self(self, depth + 1);
    }
  };
  descend(descend, 0);
}

// 2. v over the grid of exponents, at the decays of `from`.
std::vector<Cell> scan_exponents(const Problem& p, LinearProblem& linear, const StartValues& from) {
  std::vector<Cell> cells;
  const std::vector<std::size_t> exponents = exponents_for(p.form(), false);
  each_of_grid(p, exponents, from, [&](const std::array<int, 3>& at, const StartValues& values) {
    if (std::optional<Cell> cell = linear.solve(values)) {
      cell->at = at;
      cells.push_back(std::move(*cell));
    }
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

// 3. The linear problem knows the first decay alone: for each value of it the few best cells over the exponents, and
// with their constants the objective at each value of the other decays.
std::vector<Cell> scan_decays(const Problem& p, LinearProblem& linear, const StartValues& from) {
  const std::vector<std::size_t> decays = p.form().of_role(Role::decay), others(decays.begin() + 1, decays.end());
  std::vector<Cell> cells;
  each_of_grid(p, {decays.front()}, from, [&](const std::array<int, 3>& first, const StartValues& at_decay) {
    int layer = 0;
    for (const StartValues& best : best_cells(scan_exponents(p, linear, at_decay), kPerDecay, 3)) {
      each_of_grid(p, others, best, [&](const std::array<int, 3>& rest, const StartValues& values) {
        cells.push_back(
            {.value = objective_at(p, values), .at = {first[0], rest[0], rest[1]}, .layer = layer, .values = values});
      });
      ++layer;
    }
  });
  return cells;
}

// Exponents to try under an outer power: those with which the loss of a term alone falls, over the power.
std::vector<double> inner_grid(const Problem& p, std::size_t exponent, double power) {
  if (p.fixed[exponent]) return {p.values[exponent]};
  std::vector<double> grid;
  for (double fall = 0.03; fall < 2.6; fall *= kCoarser) grid.push_back(fall / power);
  return grid;
}

// A law with an outer power: at each power and pair of exponents the best of the offsets.
std::vector<Cell> scan_outer(const Problem& p, LinearProblem& linear, StartValues values) {
  using namespace outer_place;
  const double least = std::ranges::min(p.observed);
  std::vector<double> powers(kOuterPowers.begin(), kOuterPowers.end()), offsets;
  if (p.fixed[kPower]) powers = {p.values[kPower]};
  for (const double share : kOffsetShares) offsets.push_back(share * least);
  if (p.fixed[kE]) offsets = {std::min(p.values[kE], offsets.back())};  // the linear problem lies below every loss
  std::map<std::array<int, 3>, Cell> best;
  for (int k = 0; k < std::ssize(powers); ++k) {
    values[kPower] = powers[static_cast<std::size_t>(k)];
    const std::vector<double> of_params = inner_grid(p, kAlpha, values[kPower]);
    const std::vector<double> of_tokens = inner_grid(p, kBeta, values[kPower]);
    for (const double offset : offsets) {  // outermost: the linear problem keeps the columns of one offset
      values[kE] = offset;
      for (int i = 0; i < std::ssize(of_params); ++i) {
        values[kAlpha] = of_params[static_cast<std::size_t>(i)];
        for (int j = 0; j < std::ssize(of_tokens); ++j) {
          values[kBeta] = of_tokens[static_cast<std::size_t>(j)];
          std::optional<Cell> cell = linear.solve(values);
          if (!cell) continue;
          cell->at = {i, j, k};
          const auto [it, fresh] = best.try_emplace(cell->at, *cell);
          if (!fresh && cell->value < it->second.value) it->second = std::move(*cell);
        }
      }
    }
  }
  std::vector<Cell> cells;
  for (auto& [at, cell] : best) {
    if (p.fixed[kE]) cell.values[kE] = p.values[kE];
    cells.push_back(std::move(cell));
  }
  return cells;
}

// The linear problem knows all that repetition costs: for each value of its exponents the few best cells.
std::vector<Cell> scan_repetition(const Problem& p, LinearProblem& linear, const StartValues& from) {
  std::vector<Cell> cells;
  each_of_grid(p, exponents_for(p.form(), true), from,
               [&](const std::array<int, 3>& at, const StartValues& at_repetition) {
                 int layer = 0;
                 for (StartValues& best : best_cells(scan_exponents(p, linear, at_repetition), kPerDecay, 3)) {
                   const double value = objective_at(p, best);
                   cells.push_back({.value = value, .at = at, .layer = layer++, .values = std::move(best)});
                 }
               });
  return cells;
}

// From the least that the law of the limit reaches at these points, however this one's constants are held.
std::vector<Cell> near_limit(const Problem& p, const LimitLaw& limit) {
  std::vector<Observation> points;
  for (std::size_t i = 0; i < p.size(); ++i) {
    Observation o;
    o.params = p.points[i].params;
    o.tokens = p.points[i].tokens;
    o.flops = p.points[i].flops;
    o.loss_nats = p.observed[i];
    o.weight = p.weights[i];
    points.push_back(o);
  }
  const Problem inner = make_problem(points, limit.law, p.objective, {});
  std::optional<Solution> least;
  for (const StartValues& values : projection_starts(inner)) {
    Solution s = solve(inner, inner.weights, start_from(inner, values), {.polish = false});
    if (s.status != NewtonStatus::diverged && (!least || s.value < least->value)) least = std::move(s);
  }
  std::vector<Cell> cells;
  if (!least) return cells;
  for (StartValues& values : limit.starts(natural_values(inner, least->theta), p.points)) {
    const double value = objective_at(p, values);
    cells.push_back({.value = value, .at = {}, .layer = static_cast<int>(cells.size()), .values = std::move(values)});
  }
  return cells;
}

std::vector<Cell> scan(const Problem& p) {
  if (p.form().start != nullptr) return {{.values = p.form().start(p.points, p.observed)}};
  if (p.form().limit) return near_limit(p, *p.form().limit);
  LinearProblem linear(p);
  const StartValues from(p.form().constants.size(), 1.0);
  if (p.form().coordinates == Coordinates::outer) return scan_outer(p, linear, from);
  if (!exponents_for(p.form(), true).empty()) return scan_repetition(p, linear, from);
  return p.form().has_decays() ? scan_decays(p, linear, from) : scan_exponents(p, linear, from);
}

// Cells this far apart lie in different places: a fifth is a small step of an exponent, an octave of a decay or the
// coarser step under an outer power is not.
int apart_on_grid(const Problem& p) {
  return p.form().knows_repetition() || p.form().coordinates == Coordinates::outer ? 2 : 3;
}

// 4. The best cells by v; with decays, by the objective.
std::vector<StartValues> projected(const Problem& p, std::vector<Cell> cells) {
  return best_cells(std::move(cells), p.form().knows_repetition() ? kStartsWithDecays : kStarts, apart_on_grid(p));
}

// 5. Cells with the objective itself for their value: those below all their neighbours first, then the best others.
std::vector<StartValues> ranked_cells(const Problem& p, std::vector<Cell> cells) {
  std::map<std::array<int, 4>, double> grid;
  for (Cell& c : cells) {
    c.value = objective_at(p, c.values);
    if (std::isfinite(c.value)) grid[{c.layer, c.at[0], c.at[1], c.at[2]}] = c.value;
  }
  std::vector<Cell> basins;
  for (const Cell& c : cells) {
    bool least = std::isfinite(c.value);
    for (int neighbour = 0; neighbour < 27; ++neighbour) {  // a step of -1, 0 or 1 in each direction
      const auto it = grid.find(
          {c.layer, c.at[0] + neighbour / 9 - 1, c.at[1] + neighbour / 3 % 3 - 1, c.at[2] + neighbour % 3 - 1});
      if (it != grid.end() && it->second < c.value) least = false;
    }
    if (least) basins.push_back(c);
  }
  std::vector<StartValues> starts = best_cells(std::move(basins), kRanked / 2, 1);
  for (StartValues& values :
       best_cells(std::move(cells), kRanked, p.form().coordinates == Coordinates::outer ? 2 : 3)) {
    if (starts.size() == kRanked) break;
    if (std::ranges::find(starts, values) == starts.end()) starts.push_back(std::move(values));
  }
  return starts;
}

}  // namespace

std::vector<StartValues> projection_starts(const Problem& problem) { return projected(problem, scan(problem)); }

SearchStarts search_starts(const Problem& problem) {
  std::vector<Cell> cells = scan(problem);
  SearchStarts starts{.projected = projected(problem, cells), .ranked = ranked_cells(problem, std::move(cells))};
  const auto& constants = problem.form().constants;
  for (const PublishedSet& set : problem.form().published) {
    starts.ranked.push_back(set.values);
    // The exponents alone, with the amplitudes that these points ask for.
    Problem shaped = problem;
    for (std::size_t k = 0; k < constants.size(); ++k) {
      const bool shape = constants[k].role == Role::exponent || constants[k].role == Role::decay;
      if (shaped.fixed[k] || !shape) continue;
      shaped.fixed[k] = true;
      shaped.values[k] = set.values[k];
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
        law_form(problem.law).name);
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

}  // namespace scalelaw::inline fit
