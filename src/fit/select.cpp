#include "fit/select.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
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

/// Sets best rate, loss and status from the points. @return index of the lowest point
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

/// Seeds that were run at every rate of the sweep.
std::set<std::int64_t> common_seeds(const Sweep& sweep) {
  std::set<std::int64_t> common;
  for (std::size_t i = 0; i < sweep.runs.size(); ++i) {
    std::set<std::int64_t> here;
    for (const RunRecord* r : sweep.runs[i]) {
      if (i == 0 || common.contains(r->spec.seed)) here.insert(r->spec.seed);
    }
    common = std::move(here);
  }
  return common;
}

void add_uncertainty(Sweep& sweep) {
  const std::set<std::int64_t> seeds = common_seeds(sweep);
  if (seeds.size() < 2) return;
  std::vector<double> ln_lr, loss;
  for (const std::int64_t left_out : seeds) {
    LrSweep part;
    for (const auto& runs : sweep.runs) {
      std::vector<double> losses;
      for (const RunRecord* r : runs) {
        if (r->spec.seed != left_out && seeds.contains(r->spec.seed)) losses.push_back(*r->loss.nats);
      }
      part.points.push_back({runs.front()->spec.optimizer.lr, mean(losses), std::ssize(losses)});
    }
    tune(part);
    ln_lr.push_back(std::log(part.best_lr));
    loss.push_back(part.best_loss_nats);
  }
  sweep.result.ln_lr_stderr = jackknife_stderr(ln_lr);
  sweep.result.loss_stderr = jackknife_stderr(loss);
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

std::string describe_point(const LrSweep& sweep) {
  return fmt::format("{} at {} tokens", sweep.shape, short_count(sweep.tokens));
}

Json to_json(const LrSweep& s) {
  Json points = Json::array();
  for (const LrSweep::Point& p : s.points) points.push_back({{"lr", p.lr}, {"loss", p.loss_nats}, {"seeds", p.seeds}});
  const auto or_null = [](const std::optional<double>& x) { return x ? finite_or_null(*x) : Json(); };
  return {{"shape", s.shape},
          {"params", s.params},
          {"tokens", s.tokens},
          {"status", s.status},
          {"best_lr", s.best_lr},
          {"best_loss", s.best_loss_nats},
          {"ln_lr_stderr", or_null(s.ln_lr_stderr)},
          {"loss_stderr", or_null(s.loss_stderr)},
          {"diverged_lr", s.diverged_lr > 0 ? Json(s.diverged_lr) : Json()},
          {"points", points}};
}

Selection select_observations(const std::vector<RunRecord>& records, const SelectionOptions& options) {
  Selection out;
  out.branching = find_branching_check(records);
  std::map<SweepKey, std::vector<const RunRecord*>> groups;
  std::map<SweepKey, std::set<double>> diverged;
  const auto key_of = [&](const RunRecord& r, std::int64_t tokens) -> SweepKey {
    return {params_of(r, options.convention), canonical_json(to_json_fields(r.spec.model)), tokens,
            r.spec.data.unique_tokens};
  };
  for (const RunRecord& r : records) {
    if (r.outcome.status == "diverged")
      diverged[key_of(r, run_steps(r.spec) * r.spec.data.batch_tokens)].insert(r.spec.optimizer.lr);
    if (out.branching.scratch_ids.contains(r.id)) {
      out.excluded.push_back({r.id, "trained from scratch to check branching, no part of a sweep"});
    } else if (r.outcome.status != "completed" || !r.loss.nats) {
      const std::string why = r.outcome.message.empty() ? "" : ": " + r.outcome.message;
      out.excluded.push_back({r.id, fmt::format("{} at step {}{}", r.outcome.status, r.outcome.step, why)});
    } else if (run_steps(r.spec) < options.min_steps) {
      out.excluded.push_back(
          {r.id, fmt::format("{} optimizer steps, fewer than {}", run_steps(r.spec), options.min_steps)});
    } else {
      groups[key_of(r, r.tokens)].push_back(&r);
    }
  }
  for (const auto& [key, members] : groups) {
    Sweep sweep = make_sweep(members, options.convention);
    const std::size_t best = tune(sweep.result);
    add_uncertainty(sweep);
    for (const double lr : diverged[key]) {  // rising
      const bool completed = std::ranges::count(sweep.result.points, lr, &LrSweep::Point::lr) > 0;
      if (lr > sweep.result.best_lr && !completed && sweep.result.diverged_lr == 0) sweep.result.diverged_lr = lr;
    }
    if (sweep.result.on_edge() && !options.keep_edge) {
      out.excluded.push_back(
          {describe_point(sweep.result),
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
