#include "fit/budgets.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "core/stats.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kBudgetTolerance = 0.1;     // relative: rounding D to whole batches moves C by less
constexpr std::size_t kMinBudgetPoints = 3;  // a parabola has three constants

std::vector<double> budgets_of_points(const std::vector<Observation>& points) {
  std::vector<double> flops;
  for (const auto& p : points) flops.push_back(p.flops);
  std::ranges::sort(flops);
  std::vector<double> budgets;
  for (std::size_t i = 0; i < flops.size();) {
    std::size_t end = i;
    double sum = 0;
    while (end < flops.size() && flops[end] <= flops[i] * (1 + kBudgetTolerance)) sum += std::log(flops[end++]);
    const std::size_t count = end - i;
    if (count >= kMinBudgetPoints) budgets.push_back(std::exp(sum / static_cast<double>(count)));
    i = end;
  }
  return budgets;
}

}  // namespace

void assign_budgets(std::vector<Observation>& points, const std::vector<double>& planned_budgets) {
  const std::vector<double> budgets = planned_budgets.empty() ? budgets_of_points(points) : planned_budgets;
  for (auto& point : points) {
    point.budget = 0;
    double nearest = std::log1p(kBudgetTolerance);
    for (const double budget : budgets) {
      const double distance = std::abs(std::log(point.flops / budget));
      if (distance <= nearest) {
        nearest = distance;
        point.budget = budget;
      }
    }
  }
}

void copy_budgets(const std::vector<Observation>& from, std::vector<Observation>& to) {
  for (auto& point : to) {
    const auto same = std::ranges::find_if(
        from, [&](const Observation& o) { return o.shape == point.shape && o.tokens == point.tokens; });
    if (same != from.end()) point.budget = same->budget;
  }
}

std::vector<Observation> points_in_budgets(const std::vector<Observation>& points) {
  std::vector<Observation> inside;
  std::ranges::copy_if(points, std::back_inserter(inside), [](const Observation& o) { return o.budget > 0; });
  return inside.empty() ? points : inside;
}

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

bool in_budgets(const Observation& point, const std::vector<double>& budgets) {
  const double flops = point.budget > 0 ? point.budget : point.flops;
  return std::ranges::any_of(budgets, [&](double budget) { return same_budget(flops, budget); });
}

}  // namespace scalelaw::inline fit
