#include "select/branching.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/format.hpp"
#include "core/stats.hpp"
#include "records/observation.hpp"

namespace scalelaw::inline select {
namespace {

/// Spec without what a branch and its check may differ in.
std::string pair_key(const RunSpec& spec) {
  Json value = to_json(spec);
  value["optimizer"].erase("warmup_fraction");
  value.erase("seed");
  return value.dump();
}

std::string shape_key(const RunSpec& spec) { return to_json_fields(spec.model).dump(); }

struct Pair {
  std::map<std::int64_t, const RunRecord*> branches, scratch;  ///< by seed
};

/// Adds the squared deviations of losses from their mean.
void pool(const std::vector<double>& losses, double& squares, std::int64_t& degrees) {
  if (losses.size() < 2) return;
  const double sd = standard_deviation(losses);
  squares += sd * sd * static_cast<double>(losses.size() - 1);
  degrees += std::ssize(losses) - 1;
}

std::vector<double> losses_of(const std::map<std::int64_t, const RunRecord*>& runs) {
  std::vector<double> losses;
  for (const auto& [seed, run] : runs) {
    if (run->loss.nats) losses.push_back(*run->loss.nats);
  }
  return losses;
}

BranchingPoint make_point(const Pair& pair) {
  const RunRecord& first = *pair.scratch.begin()->second;
  BranchingPoint point;
  point.shape = shape_name(first.spec.model);
  point.params = static_cast<double>(first.params.total);
  point.tokens = static_cast<double>(first.spec.data.tokens);
  point.lr = first.spec.optimizer.lr;
  point.branch_nats = losses_of(pair.branches);
  point.scratch_nats = losses_of(pair.scratch);
  if (point.branch_nats.empty() || point.scratch_nats.empty()) {
    point.status = BranchStatus::diverged;
    return point;
  }
  point.difference_nats = mean(point.branch_nats) - mean(point.scratch_nats);
  return point;
}

void judge(BranchingCheck& check) {
  for (BranchingPoint& point : check.points) {
    if (point.status == BranchStatus::diverged || !check.seed_sd_nats) continue;
    const double n = static_cast<double>(point.branch_nats.size()), m = static_cast<double>(point.scratch_nats.size());
    point.allowed_nats =
        student_quantile(0.975, static_cast<double>(check.degrees)) * *check.seed_sd_nats * std::sqrt(1 / n + 1 / m);
    const bool within = std::abs(point.difference_nats) <= point.allowed_nats;
    point.status = within ? BranchStatus::within_noise : BranchStatus::differs;
  }
}

}  // namespace

BranchingCheck find_branching_check(const std::vector<RunRecord>& records) {
  std::map<std::string, std::set<std::int64_t>> budgets;  // trunk -> its token budgets
  for (const RunRecord& r : records) {
    if (!r.trunk.empty()) budgets[r.trunk].insert(r.spec.data.tokens);
  }
  std::map<std::string, Pair> pairs;
  std::map<std::string, std::vector<const RunRecord*>> alone;
  std::map<std::string, std::set<std::int64_t>> warmups;  // of the trunks that budgets share, by shape
  for (const RunRecord& r : records) {
    if (r.trunk.empty()) continue;
    const std::string key = pair_key(r.spec);
    if (budgets.at(r.trunk).size() > 1) {
      pairs[key].branches.emplace(r.spec.seed, &r);
      warmups[shape_key(r.spec)].insert(warmup_steps(r.spec));
    } else {
      alone[key].push_back(&r);
    }
  }
  // A rate that was added at one budget alone has a trunk that no other shares, but the warmup of the shape's others.
  for (const auto& [key, runs] : alone) {
    if (pairs.contains(key)) continue;
    for (const RunRecord* run : runs) {
      const auto shared = warmups.find(shape_key(run->spec));
      if (shared != warmups.end() && shared->second.contains(warmup_steps(run->spec))) {
        pairs[key].branches.emplace(run->spec.seed, run);
      }
    }
  }
  BranchingCheck check;
  for (auto& [key, runs] : alone) {
    const auto it = pairs.find(key);
    if (it == pairs.end()) continue;
    const std::int64_t shared_warmup = warmup_steps(it->second.branches.begin()->second->spec);
    for (const RunRecord* run : runs) {
      if (warmup_steps(run->spec) <= shared_warmup) continue;
      it->second.scratch.emplace(run->spec.seed, run);
      check.scratch_ids.insert(run->id);
    }
  }
  double squares = 0;
  std::vector<double> differences;
  for (const auto& [key, pair] : pairs) {
    if (pair.scratch.empty()) continue;
    check.points.push_back(make_point(pair));
    pool(check.points.back().branch_nats, squares, check.degrees);
    pool(check.points.back().scratch_nats, squares, check.degrees);
    if (check.points.back().status != BranchStatus::diverged)
      differences.push_back(check.points.back().difference_nats);
  }
  std::ranges::sort(check.points, {}, [](const BranchingPoint& p) { return std::tuple(p.params, p.tokens, p.lr); });
  if (check.degrees > 0) check.seed_sd_nats = std::sqrt(squares / static_cast<double>(check.degrees));
  if (differences.size() > 1) {
    check.mean_nats = mean(differences);
    check.half_width_nats = student_quantile(0.975, static_cast<double>(differences.size() - 1)) *
                            standard_deviation(differences) / std::sqrt(static_cast<double>(differences.size()));
  }
  judge(check);
  return check;
}

std::string describe(const BranchingCheck& check) {
  if (check.points.empty()) return "";
  const auto count = [&](BranchStatus status) {
    return std::ranges::count(check.points, status, &BranchingPoint::status);
  };
  std::string out = "branching check: ";
  out += check.seed_sd_nats
             ? fmt::format(
                   "{} of {} branches within seed noise (sd {:.4f} nats, {} degrees of freedom) "
                   "of a run from scratch",
                   count(BranchStatus::within_noise), check.points.size(), *check.seed_sd_nats, check.degrees)
             : fmt::format("{} branches against runs from scratch, seed noise unknown (one seed)", check.points.size());
  if (count(BranchStatus::diverged) > 0) out += fmt::format(", {} diverged", count(BranchStatus::diverged));
  if (check.mean_nats) {
    out += fmt::format("; mean difference {:+.4f} ± {:.4f} nats", *check.mean_nats, *check.half_width_nats);
  }
  for (const BranchingPoint& p : check.points) {
    if (p.status == BranchStatus::differs) {
      out += fmt::format("; {} at {} tokens differs by {:+.4f} nats, {:.4f} allowed", p.shape, short_count(p.tokens),
                         p.difference_nats, p.allowed_nats);
    }
  }
  return out;
}

Json to_json(const BranchingCheck& check) {
  Json points = Json::array();
  for (const BranchingPoint& p : check.points) {
    points.push_back({{"shape", p.shape},
                      {"params", p.params},
                      {"tokens", p.tokens},
                      {"lr", p.lr},
                      {"branch_nats", p.branch_nats},
                      {"scratch_nats", p.scratch_nats},
                      {"difference_nats", p.status == BranchStatus::diverged ? Json() : Json(p.difference_nats)},
                      {"allowed_nats", p.allowed_nats > 0 ? Json(p.allowed_nats) : Json()},
                      {"status", p.status}});
  }
  const auto or_null = [](const std::optional<double>& x) { return x ? Json(*x) : Json(); };
  return {{"points", points},
          {"seed_sd_nats", or_null(check.seed_sd_nats)},
          {"degrees", check.degrees},
          {"mean_nats", or_null(check.mean_nats)},
          {"half_width_nats", or_null(check.half_width_nats)}};
}

}  // namespace scalelaw::inline select
