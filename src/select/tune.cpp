#include "select/tune.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/format.hpp"
#include "core/stats.hpp"

namespace scalelaw::inline select {
namespace {

struct Vertex {
  double lr = 0;
  double loss_nats = 0;
  double curvature = 0;  ///< nats per squared ln lr; 0 where there is no valley
};

// Parabola in ln lr through three points of which the middle one is lowest.
Vertex parabola_vertex(const LrSweep::Point& low, const LrSweep::Point& middle, const LrSweep::Point& high) {
  const double left = std::log(low.lr / middle.lr), right = std::log(high.lr / middle.lr);
  const double rise_left = low.loss_nats - middle.loss_nats, rise_right = high.loss_nats - middle.loss_nats;
  const double curvature = (rise_right / right - rise_left / left) / (right - left);
  const double slope = rise_left / left - curvature * left;
  if (!(curvature > 0)) return {middle.lr, middle.loss_nats, 0};
  const double at = -slope / (2 * curvature);
  return {middle.lr * std::exp(at), middle.loss_nats + 0.5 * slope * at, curvature};
}

struct Sweep {
  LrSweep result;
  std::vector<std::vector<const Observation*>> runs;  ///< of each point
};

double rate(const Observation& o) { return *o.lr; }

Sweep make_sweep(const std::vector<Observation>& points) {
  std::map<double, std::vector<const Observation*>> by_lr;
  for (const Observation& o : points) by_lr[rate(o)].push_back(&o);
  Sweep sweep;
  LrSweep& out = sweep.result;
  out.shape = points.front().shape;
  out.params = points.front().params;
  out.tokens = points.front().tokens;
  for (const auto& [lr, runs] : by_lr) {
    std::vector<double> losses;
    for (const Observation* r : runs) losses.push_back(r->loss_nats);
    out.points.push_back({lr, mean(losses), static_cast<std::int64_t>(runs.size())});
    sweep.runs.push_back(runs);
  }
  return sweep;
}

/// Sets best rate, loss and status from the points. @return index of the lowest point
std::size_t tune(LrSweep& sweep) {
  const auto& points = sweep.points;
  const auto best =
      static_cast<std::size_t>(std::ranges::min_element(points, {}, &LrSweep::Point::loss_nats) - points.begin());
  sweep.best_lr = points[best].lr;
  sweep.best_loss_nats = points[best].loss_nats;
  if (points.size() == 1) {
    sweep.status = SweepStatus::single;
  } else if (best == 0) {
    sweep.status = SweepStatus::edge_low;
  } else if (best + 1 == points.size()) {
    sweep.status = SweepStatus::edge_high;
  } else {
    const Vertex vertex = parabola_vertex(points[best - 1], points[best], points[best + 1]);
    sweep.status = vertex.curvature > 0 ? SweepStatus::interior : SweepStatus::not_convex;
    sweep.best_lr = vertex.lr;
    sweep.best_loss_nats = vertex.loss_nats;
    sweep.curvature_nats = vertex.curvature;
  }
  return best;
}

/// Seeds that were run at every rate of the sweep.
std::set<double> common_seeds(const Sweep& sweep) {
  std::set<double> common;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    std::set<double> here;
    for (const Observation* r : sweep.runs[i]) {
      if (r->seed && (i == 0 || common.contains(*r->seed))) here.insert(*r->seed);
    }
    common = std::move(here);
  }
  return common;
}

void add_uncertainty(Sweep& sweep) {
  const std::set<double> seeds = common_seeds(sweep);
  if (seeds.size() < 2) return;
  std::vector<double> ln_lr, loss;
  for (const double left_out : seeds) {
    LrSweep part;
    for (const auto& runs : sweep.runs) {
      std::vector<double> losses;
      for (const Observation* r : runs) {
        if (r->seed && *r->seed != left_out && seeds.contains(*r->seed)) losses.push_back(r->loss_nats);
      }
      part.points.push_back({rate(*runs.front()), mean(losses), std::ssize(losses)});
    }
    tune(part);
    ln_lr.push_back(std::log(part.best_lr));
    loss.push_back(part.best_loss_nats);
  }
  sweep.result.ln_lr_stderr = jackknife_stderr(ln_lr);
  sweep.result.loss_stderr = jackknife_stderr(loss);
}

Observation tuned_observation(const LrSweep& sweep, const std::vector<const Observation*>& best_runs) {
  Observation o = **std::ranges::min_element(best_runs, {}, &Observation::loss_nats);
  o.loss_nats = sweep.best_loss_nats;
  o.lr = sweep.best_lr;
  if (best_runs.size() > 1) {
    std::vector<double> losses;
    for (const Observation* r : best_runs) losses.push_back(r->loss_nats);
    o.loss_stderr = standard_deviation(losses) / std::sqrt(static_cast<double>(losses.size()));
    o.seeds = static_cast<double>(losses.size());
    o.seed.reset();
  }
  return o;
}

}  // namespace

TunedPoint tune_rates(const std::vector<Observation>& runs) {
  Sweep sweep = make_sweep(runs);
  const std::size_t best = tune(sweep.result);
  add_uncertainty(sweep);
  Observation observation = tuned_observation(sweep.result, sweep.runs[best]);
  return {std::move(sweep.result), std::move(observation)};
}

TunedTable tune_points(std::vector<Observation> points) {
  using Key = std::tuple<double, std::string, double, double>;
  std::map<Key, std::vector<Observation>> sweeps;
  std::set<std::string> runs;
  std::vector<Observation> without;
  bool several = false;
  for (const Observation& o : points) {
    if (!o.run.empty() && !runs.insert(o.run).second) return {std::move(points), {}, 0};  // a training curve
    if (!o.lr || !(*o.lr > 0)) {
      without.push_back(o);
      continue;
    }
    auto& same = sweeps[{o.params, o.shape, o.tokens, o.unique_tokens.value_or(0)}];
    several = several || (!same.empty() && *same.front().lr != *o.lr);
    same.push_back(o);
  }
  if (!several) return {std::move(points), {}, 0};
  TunedTable out;
  out.without_rate = std::ssize(without);
  for (const auto& [key, members] : sweeps) {
    TunedPoint tuned = tune_rates(members);
    if (tuned.sweep.shape.empty()) tuned.sweep.shape = fmt::format("N {}", short_count(tuned.sweep.params));
    out.points.push_back(std::move(tuned.observation));
    out.sweeps.push_back(std::move(tuned.sweep));
  }
  out.points.insert(out.points.end(), without.begin(), without.end());
  return out;
}

}  // namespace scalelaw::inline select
