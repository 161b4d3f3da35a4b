// What the analysis needs to know of its points.
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "report/analysis.hpp"

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

std::string source_text(const std::vector<RunRecord>& records) {
  const std::set<std::string> sources = [&] {
    std::set<std::string> out;
    for (const auto& r : records) out.insert(r.source);
    return out;
  }();
  std::string text;
  // Trained first: the order in which a reader asks.
  for (const char* source : {"trained", "imported", "simulated"}) {
    if (sources.contains(source)) text += (text.empty() ? "" : " and ") + std::string(source);
  }
  return text.empty() ? "no records" : text;
}

std::string source_title(const std::vector<RunRecord>& records) {
  const std::string source = source_text(records);
  if (source == "simulated") return "SIMULATED, no model was trained";
  const std::size_t at = source.find("simulated");
  return at == std::string::npos ? source : source.substr(0, at) + "SIMULATED, pooled";
}

std::string simulation_text(const std::vector<RunRecord>& records) {
  std::set<std::string> texts;
  for (const RunRecord& record : records) {
    if (record.source != "simulated") continue;
    const SimulationSpec& s = record.spec.backend.simulation;
    std::vector<std::string> amplitudes, all;
    for (const auto& [name, value] : s.params) {
      all.push_back(name);
      if (!name.starts_with("alpha") && name != "beta") amplitudes.push_back(name);
    }
    if (!s.anchored.empty()) {
      texts.insert(fmt::format("simulated with {}, its exponents kept and {} refitted to {}", s.law,
                               fmt::join(amplitudes, ", "), s.anchored));
    } else {
      texts.insert(fmt::format(
          "simulated with {}, {}", s.law,
          all.empty() ? "its constants as published" : fmt::format("{} as given in the config", fmt::join(all, ", "))));
    }
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace scalelaw
