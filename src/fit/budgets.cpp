#include "fit/budgets.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace scalelaw {
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

}  // namespace scalelaw
