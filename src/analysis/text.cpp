#include "analysis/text.hpp"

#include <cmath>

#include "core/format.hpp"

namespace scalelaw::inline analysis {

std::string number_text(double x) {
  if (!std::isfinite(x)) return "–";
  std::string text = fmt::format("{:.4g}", x);
  return text.find('e') == std::string::npos ? text : power_text(x, 4);
}

std::string interval_text(double value, const Interval* interval, int digits) {
  if (!std::isfinite(value)) return "–";
  std::string text = fmt::format("{:.{}f}", value, digits);
  if (interval == nullptr) return text;
  return fmt::format("{} [{:.{}f}, {:.{}f}]", text, interval->low, digits, interval->high, digits);
}

std::string count_interval_text(double value, const Interval* interval) {
  if (!std::isfinite(value)) return "–";
  if (interval == nullptr) return short_count(value);
  return fmt::format("{} [{}, {}]", short_count(value), short_count(interval->low), short_count(interval->high));
}

const Interval* find_interval(const std::map<std::string, Interval>& intervals, const std::string& name) {
  const auto it = intervals.find(name);
  return it == intervals.end() ? nullptr : &it->second;
}

std::string status_text(const FitResult& fit) {
  return fit.converged() ? "converged" : fmt::format("not converged: {}", fit.convergence.status);
}

std::string method_text(const FitResult& fit) {
  if (fit.method() == Method::isoflop) return "approach 2 (isoFLOP)";
  if (fit.method() == Method::envelope) return "approach 1 (envelope)";
  return "approach 3 (parametric)";
}

std::string convention_text(const Convention& convention) {
  std::string params(name_of(convention.params));
  for (char& c : params) c = c == '_' ? '-' : c;
  return fmt::format("N {}, C {}", params, convention.flops == FlopsCount::six_nd ? "= 6ND" : "exact");
}

}  // namespace scalelaw::inline analysis
