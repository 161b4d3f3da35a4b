#include "fit/select.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "core/format.hpp"
#include "core/stats.hpp"

namespace scalelaw {
namespace {

// Runs that differ in learning rate and seed alone share it; ordered by size, then tokens.
using SweepKey = std::tuple<double, std::string, std::int64_t, std::int64_t>;

struct Vertex {
  double lr = 0;
  double loss_nats = 0;
  bool convex = false;
};

// Parabola in ln lr through three points of which the middle one is lowest.
Vertex parabola_vertex(const LrSweep::Point& low, const LrSweep::Point& middle, const LrSweep::Point& high) {
  const double left = std::log(low.lr / middle.lr), right = std::log(high.lr / middle.lr);
  const double rise_left = low.loss_nats - middle.loss_nats, rise_right = high.loss_nats - middle.loss_nats;
  const double curvature = (rise_right / right - rise_left / left) / (right - left);
  const double slope = rise_left / left - curvature * left;
  if (!(curvature > 0)) return {middle.lr, middle.loss_nats, false};
  const double at = -slope / (2 * curvature);
  return {middle.lr * std::exp(at), middle.loss_nats + 0.5 * slope * at, true};
}

struct Sweep {
  LrSweep result;
  std::vector<std::vector<const RunRecord*>> runs;  ///< of each point
};

Sweep make_sweep(const std::vector<const RunRecord*>& records, const Convention& convention) {
  std::map<double, std::vector<const RunRecord*>> by_lr;
  for (const RunRecord* r : records) by_lr[r->spec.optimizer.lr].push_back(r);
  Sweep sweep;
  LrSweep& out = sweep.result;
  out.shape = shape_name(records.front()->spec.model);
  out.params = params_of(*records.front(), convention);
  out.tokens = static_cast<double>(records.front()->tokens);
  for (const auto& [lr, runs] : by_lr) {
    std::vector<double> losses;
    for (const RunRecord* r : runs) losses.push_back(*r->loss.nats);
    out.points.push_back({lr, mean(losses), static_cast<std::int64_t>(runs.size())});
    sweep.runs.push_back(runs);
  }
  return sweep;
}

std::size_t tune(LrSweep& sweep) {
  const auto& points = sweep.points;
  const auto best =
      static_cast<std::size_t>(std::ranges::min_element(points, {}, &LrSweep::Point::loss_nats) - points.begin());
  sweep.best_lr = points[best].lr;
  sweep.best_loss_nats = points[best].loss_nats;
  if (points.size() == 1) {
    sweep.status = "single";
  } else if (best == 0) {
    sweep.status = "edge_low";
  } else if (best + 1 == points.size()) {
    sweep.status = "edge_high";
  } else {
    const Vertex vertex = parabola_vertex(points[best - 1], points[best], points[best + 1]);
    sweep.status = vertex.convex ? "interior" : "not_convex";
    sweep.best_lr = vertex.lr;
    sweep.best_loss_nats = vertex.loss_nats;
  }
  return best;
}

Observation tuned_observation(const LrSweep& sweep, const std::vector<const RunRecord*>& best_runs,
                              const Convention& convention) {
  const RunRecord& lowest = **std::ranges::min_element(best_runs, {}, [](const RunRecord* r) { return *r->loss.nats; });
  Observation o = *observe(lowest, convention);
  o.loss_nats = sweep.best_loss_nats;
  o.lr = sweep.best_lr;
  if (best_runs.size() > 1) {
    std::vector<double> losses;
    for (const RunRecord* r : best_runs) losses.push_back(*r->loss.nats);
    o.loss_stderr = standard_deviation(losses) / std::sqrt(static_cast<double>(losses.size()));
    o.seeds = static_cast<double>(losses.size());
    o.seed.reset();
  }
  return o;
}

}  // namespace

Selection select_observations(const std::vector<RunRecord>& records, const SelectionOptions& options) {
  Selection out;
  std::map<SweepKey, std::vector<const RunRecord*>> groups;
  for (const RunRecord& r : records) {
    if (r.outcome.status != "completed" || !r.loss.nats) {
      const std::string why = r.outcome.message.empty() ? "" : ": " + r.outcome.message;
      out.excluded.push_back({r.id, fmt::format("{} at step {}{}", r.outcome.status, r.outcome.step, why)});
    } else if (run_steps(r.spec) < options.min_steps) {
      out.excluded.push_back(
          {r.id, fmt::format("{} optimizer steps, fewer than {}", run_steps(r.spec), options.min_steps)});
    } else {
      const std::string model = canonical_json(to_json_fields(r.spec.model));
      groups[{params_of(r, options.convention), model, r.tokens, r.spec.data.unique_tokens}].push_back(&r);
    }
  }
  for (const auto& [key, members] : groups) {
    Sweep sweep = make_sweep(members, options.convention);
    const std::size_t best = tune(sweep.result);
    const bool edge = sweep.result.status == "edge_low" || sweep.result.status == "edge_high";
    if (edge && !options.keep_edge) {
      out.excluded.push_back(
          {fmt::format("{} at {} tokens", sweep.result.shape, short_count(sweep.result.tokens)),
           fmt::format("the best learning rate, {}, is the {} of the sweep; extend it",
                       exact_number(sweep.result.best_lr), sweep.result.status == "edge_low" ? "lowest" : "highest")});
    } else {
      out.observations.push_back(tuned_observation(sweep.result, sweep.runs[best], options.convention));
    }
    out.sweeps.push_back(std::move(sweep.result));
  }
  return out;
}

}  // namespace scalelaw
