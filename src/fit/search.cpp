#include "fit/search.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "fit/starts.hpp"
#include "law/published.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kSameObjective = 1e-6;
constexpr double kSamePlace = 1e-3;        // of working coordinates
constexpr int kWideEvaluations = 50;       // who allows fewer gets the named starts alone
constexpr int kFirstSteps = 12;            // from every ranked start
constexpr std::size_t kKept = 8;           // of them go on to the end
constexpr double kMet = 1e-2;              // of working coordinates: two of them go on as one
constexpr std::size_t kRestarts = 12;      // in a round
constexpr int kRounds = 12;                // at most
constexpr int kIdleRounds = 2;             // rounds without a gain that end the search
constexpr std::uint64_t kRestartSeed = 1;  // of the redrawn weights

// Objectives of data without noise differ by less in round-off alone.
constexpr double kRoundOff = 1e-13;

// The least objective; among solutions that agree on it, one that ended at a proven minimum.
const Solution* best_of(const std::vector<Solution>& solutions) {
  const Solution* best = nullptr;
  for (const Solution& s : solutions) {
    if (s.status == NewtonStatus::diverged) continue;
    if (!best) {
      best = &s;
      continue;
    }
    const double same = std::max(kSameObjective * 1e-4 * best->value, kRoundOff);
    if (s.value < best->value - same || (s.value <= best->value + same && finished(s) && !finished(*best))) best = &s;
  }
  return best;
}

bool same_place(const Vector& a, const Vector& b, std::size_t m, double tolerance) {
  for (std::size_t k = 0; k < m; ++k) {
    if (std::abs(a[k] - b[k]) > tolerance * (1 + std::abs(b[k]))) return false;
  }
  return true;
}

// A few steps from every start, and to the end from the best places reached.
std::vector<Solution> straight_down(const Problem& p, const std::vector<StartValues>& starts,
                                    const FitOptions& options) {
  std::vector<Solution> out(starts.size());
  parallel_for(starts.size(), options.threads, [&](std::size_t i) {
    out[i] = solve(p, p.weights, start_from(p, starts[i]),
                   {.warm = true, .piecewise = true, .finish = false, .max_evaluations = kFirstSteps});
  });
  std::ranges::stable_sort(out, {}, [](const Solution& s) { return std::isfinite(s.value) ? s.value : INFINITY; });
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < out.size() && kept.size() < kKept; ++i) {
    const bool near = std::ranges::any_of(
        kept, [&](std::size_t k) { return same_place(out[k].theta, out[i].theta, p.free.size(), kMet); });
    if (out[i].status != NewtonStatus::diverged && !near) kept.push_back(i);
  }
  parallel_for(kept.size(), options.threads, [&](std::size_t i) {
    Solution& s = out[kept[i]];
    s = solve(p, p.weights, s.theta,
              {.warm = true,
               .piecewise = true,
               .polish = false,
               .max_evaluations = static_cast<int>(options.max_evaluations)});
  });
  return out;
}

// Minima for weights that are drawn anew, and from there the minima for the true ones.
std::vector<Solution> restarted(const Problem& p, const Solution& from, const FitOptions& options, int round) {
  const bool fast = !p.surface.loss.empty();  // Newton's steps are cheap there
  std::vector<Solution> out(kRestarts);
  parallel_for(kRestarts, options.threads, [&](std::size_t i) {
    Rng rng = make_rng(kRestartSeed, "restart", static_cast<std::uint64_t>(round) * kRestarts + i);
    std::vector<double> weights = p.weights;
    for (double& w : weights) {
      if (w > 0) w *= static_cast<double>(uniform_below(rng, 3));  // a third of the points left out
    }
    SolveOptions way{
        .warm = true, .piecewise = !fast, .finish = fast, .rescue = false, .polish = false, .max_evaluations = 60};
    const Solution away = solve(p, weights, from.theta, way);
    out[i] = solve(p, p.weights, away.theta, way);
  });
  return out;
}

std::vector<Solution> restarts(const Problem& p, std::vector<Solution> known, const FitOptions& options) {
  const Solution* best = best_of(known);
  if (!best) return known;
  Solution base = *best;
  int idle = 0;
  for (int round = 0; round < kRounds && idle < kIdleRounds; ++round) {
    for (Solution& s : restarted(p, base, options, round)) known.push_back(std::move(s));
    const Solution* now = best_of(known);
    idle = now->value < base.value * (1 - 1e-9) ? 0 : idle + 1;
    base = *now;
  }
  return known;
}

// Separate ways among the first `count` solutions, and how many of them ended at the best.
void count_paths(const Problem& p, const std::vector<Solution>& solutions, std::size_t count, SearchResult& out) {
  std::vector<std::pair<Vector, bool>> met;
  for (std::size_t i = 0; i < count; ++i) {
    const Solution& s = solutions[i];
    if (s.status == NewtonStatus::diverged) continue;
    const bool best = s.value <= out.best->value * (1 + kSameObjective) + 1e-300;
    if (!s.passed) {
      ++out.paths;
      out.paths_at_best += best ? 1 : 0;
      continue;
    }
    const auto it = std::ranges::find_if(
        met, [&](const auto& m) { return same_place(m.first, *s.passed, p.free.size(), kSamePlace); });
    if (it == met.end()) {
      met.emplace_back(*s.passed, best);
    } else {
      it->second = it->second || best;
    }
  }
  for (const auto& [place, best] : met) {
    ++out.paths;
    out.paths_at_best += best ? 1 : 0;
  }
}

void count_minima(const std::vector<Solution>& solutions, SearchResult& out) {
  std::vector<double> values = {out.best->value};
  for (const Solution& s : solutions) {
    if (finished(s)) values.push_back(s.value);
  }
  std::ranges::sort(values);
  double last = -1;
  for (const double v : values) {
    if (last >= 0 && v <= last * (1 + kSameObjective) + 1e-300) continue;
    if (out.minima == 1) out.next_best = v;
    ++out.minima;
    last = v;
  }
}

}  // namespace

bool finished(const Solution& s) { return s.status == NewtonStatus::converged || s.status == NewtonStatus::at_bound; }

SearchResult search(const Problem& p, const FitOptions& options) {
  const bool local = options.starts.kind == StartKind::published;
  SearchStarts starts;
  if (local) {
    const Law& law = published_law(options.starts.law);
    if (law.kind != p.law) {
      fail_config("--starts {}: is a set of constants of {}, not of {}", options.starts.law, law_form(law.kind).name,
                  law_form(p.law).name);
    }
    starts.projected = {law.values};
  } else {
    std::vector<StartValues> grid;
    if (options.starts.kind == StartKind::grid) grid = hoffmann_grid_starts(p);
    starts = search_starts(p);
    if (!grid.empty()) starts.projected = std::move(grid);
  }
  const bool wide = !local && options.max_evaluations >= kWideEvaluations;
  if (!wide) starts.ranked.clear();
  const std::size_t named = starts.projected.size();
  const int most = static_cast<int>(options.max_evaluations);
  std::vector<Solution> solutions(named);
  parallel_for(named, options.threads, [&](std::size_t i) {
    // A named set of constants is asked for to find the minimum nearest to it, so no continuation leads away from it
    // first.
    solutions[i] = solve(p, p.weights, start_from(p, starts.projected[i]), {.warm = local, .max_evaluations = most});
  });
  for (Solution& s : straight_down(p, starts.ranked, options)) solutions.push_back(std::move(s));
  const std::size_t all = solutions.size();
  if (wide) solutions = restarts(p, std::move(solutions), options);
  SearchResult out;
  out.starts = static_cast<std::int64_t>(named);
  const Solution* best = best_of(solutions);
  if (!best) return out;
  out.best = *best;
  if (wide) {
    const Solution polished = solve(p, p.weights, best->theta, {.warm = true, .max_evaluations = most});
    if (polished.value <= best->value * (1 + 1e-12) && (finished(polished) || !finished(*best))) out.best = polished;
  }
  out.starts_at_best =
      std::count_if(solutions.begin(), solutions.begin() + static_cast<std::ptrdiff_t>(named), [&](const Solution& s) {
        return s.status != NewtonStatus::diverged && s.value <= out.best->value * (1 + kSameObjective) + 1e-300;
      });
  count_paths(p, solutions, all, out);
  count_minima(solutions, out);
  return out;
}

}  // namespace scalelaw::inline fit
