#include "records/run_names.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "core/format.hpp"

namespace scalelaw::inline records {
namespace {

/// The different params among these, each by its smallest, rising.
std::vector<double> distinct_params(std::vector<double> params, double tolerance) {
  std::ranges::sort(params);
  std::vector<double> first;
  double last = 0;
  for (const double p : params) {
    if (first.empty() || p > last * (1 + tolerance)) first.push_back(p);
    last = p;
  }
  return first;
}

/// "1.2M" for each, or the exact number where two would read alike.
std::vector<std::string> texts_of(const std::vector<double>& params) {
  std::vector<std::string> texts;
  for (const double p : params) texts.push_back(short_count(p));
  if (std::set<std::string>(texts.begin(), texts.end()).size() == texts.size()) return texts;
  texts.clear();
  for (const double p : params) texts.push_back(exact_number(p));
  return texts;
}

}  // namespace

std::vector<std::string> split_run_names(std::vector<Observation>& points, double tolerance, bool groups) {
  std::map<std::string, std::vector<double>> params;
  for (const Observation& o : points) {
    if (!o.run.empty() && o.params > 0) params[o.counted + '\n' + o.run].push_back(o.params);
  }
  std::map<std::string, std::vector<double>> several;
  for (auto& [key, all] : params) {
    std::vector<double> distinct = distinct_params(std::move(all), tolerance);
    if (distinct.size() > 1) several.emplace(key, std::move(distinct));
  }
  std::vector<std::string> names;
  for (Observation& o : points) {
    const auto it = several.find(o.counted + '\n' + o.run);
    if (it == several.end() || !(o.params > 0)) continue;
    if (std::ranges::find(names, o.run) == names.end()) names.push_back(o.run);
    const auto& distinct = it->second;
    const auto at = std::ranges::upper_bound(distinct, o.params) - distinct.begin() - 1;
    const bool grouped_by_run = groups && o.group == o.run;
    o.run = fmt::format("{} (N {})", o.run, texts_of(distinct)[static_cast<std::size_t>(at)]);
    if (grouped_by_run) o.group = o.run;
  }
  return names;
}

std::string some_names(const std::vector<std::string>& names) {
  if (names.size() < 2) return names.empty() ? "" : fmt::format("'{}'", names.front());
  return fmt::format("'{}' and {}", names.front(), counted(std::ssize(names) - 1, "other name", "other names"));
}

}  // namespace scalelaw::inline records
