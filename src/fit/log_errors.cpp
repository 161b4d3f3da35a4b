#include "fit/log_errors.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "core/stats.hpp"

namespace scalelaw::inline fit {
namespace {

const Constant* constant_named(const LawForm& form, std::string_view name) {
  const auto it = std::ranges::find(form.constants, name, &Constant::name);
  return it == form.constants.end() ? nullptr : &*it;
}

}  // namespace

bool is_factor(const LawForm& form, std::string_view quantity) {
  const Constant* constant = constant_named(form, quantity);
  if (constant == nullptr) return quantity.ends_with("_coefficient");  // derived, beside a and b
  return is_logarithmic(*constant) && constant->role != Role::offset;
}

bool is_offset(const LawForm& form, std::string_view quantity) {
  const Constant* constant = constant_named(form, quantity);
  return constant != nullptr && constant->role == Role::offset;
}

std::map<std::string, double> log_errors(const BootstrapResult& bootstrap, const LawForm& form) {
  std::map<std::string, double> out;
  if (bootstrap.draws.size() < 2) return out;
  for (std::size_t k = 0; k < form.constants.size(); ++k) {
    if (!is_logarithmic(form.constants[k])) continue;
    std::vector<double> logs;
    for (const std::vector<double>& draw : bootstrap.draws) logs.push_back(std::log(draw.at(k)));
    const bool all = std::ranges::all_of(logs, [](double x) { return std::isfinite(x); });
    if (all) out[form.constants[k].name] = standard_deviation(logs);
  }
  return out;
}

std::string factor_text(double se_log) {
  constexpr double kHeld = 1e-12, kUnbounded = 1e3;
  if (se_log <= kHeld) return "held";
  constexpr double kNearOne = 5e-3;
  if (se_log < kNearOne) return fmt::format("x/÷ 1+{:.2g}", std::expm1(se_log));
  const double factor = std::exp(se_log);
  return factor <= kUnbounded ? fmt::format("x/÷ {:.3g}", factor) : "unbounded";
}

}  // namespace scalelaw::inline fit
