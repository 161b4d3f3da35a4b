#include "inference/multiplier.hpp"

#include <algorithm>
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>

#include "core/format.hpp"
#include "fit/draws.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline inference {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool of_compute(const Law& law) { return law.form().only_variable() == Quantity::flops; }

/// Factor of `near` that is the compute with this loss; infinite where none reaches it, NaN where a loss is no number.
double factor_reaching(const Law& law, double loss, double near) {
  const auto excess = [&](double ln_m) { return least_loss(law, near * std::exp(ln_m)) - loss; };
  double low = 0, high = 0, step = 0.5;
  const double here = excess(0);
  if (!std::isfinite(here)) return std::nan("");
  if (here == 0) return 1;
  constexpr double kFurthest = 60;  // e^60: beyond it the loss is out of reach
  while (excess(high) > 0) {
    low = high;
    high += step *= 1.5;
    if (high > kFurthest) return kInfinity;
  }
  while (excess(low) < 0) {
    high = low;
    low -= step *= 1.5;
    if (low < -kFurthest) return std::nan("");
  }
  std::uintmax_t iterations = 200;
  const auto root =
      boost::math::tools::toms748_solve(excess, low, high, boost::math::tools::eps_tolerance<double>(46), iterations);
  return std::exp((root.first + root.second) / 2);
}

/// m; infinite where no compute reaches the loss, NaN where a loss is no number.
double multiplier(const Law& first, const Law& second, double flops) {
  return factor_reaching(first, least_loss(second, flops), flops);
}

}  // namespace

bool has_least_loss(const FitResult& fit) {
  return fit.converged() && !fit.fitted.values.empty() && !fit.fitted.form().predicts_size &&
         (of_compute(fit.fitted) || allocation_exponents(fit.fitted));
}

double least_loss(const Law& law, double flops) {
  if (of_compute(law)) return predict_loss(law, LawPoint{.flops = flops});
  return compute_optimal(law, flops).loss_nats;
}

double compute_reaching(const Law& law, double loss, double near) { return near * factor_reaching(law, loss, near); }

std::vector<double> multiplier_budgets(const FitResult& first, const FitResult& second) {
  const double low = std::max(first.flops_range.low, second.flops_range.low);
  const double high = std::min(first.flops_range.high, second.flops_range.high);
  if (!(low > 0) || !(high >= low)) return {};
  std::vector<double> budgets;
  for (int power = static_cast<int>(std::ceil(std::log10(low) - 1e-9)); power <= std::log10(high) + 1e-9; ++power) {
    budgets.push_back(std::strtod(fmt::format("1e{}", power).c_str(), nullptr));
  }
  if (budgets.size() < 2) budgets = {low, std::sqrt(low * high), high};
  return budgets;
}

std::vector<ComputeMultiplier> compute_multipliers(const FitResult& first, const FitResult& second,
                                                   const std::vector<double>& flops) {
  if (first.loss_unit != second.loss_unit) fail_config("compare: the two fits are of losses in different units");
  if (!has_least_loss(first) || !has_least_loss(second)) return {};
  const double tail = std::min(interval_tail(first), interval_tail(second));
  const std::size_t pairs = std::min(first.bootstrap.draws.size(), second.bootstrap.draws.size());
  std::vector<ComputeMultiplier> all;
  for (const double c : flops) {
    ComputeMultiplier m{.flops = c, .value = multiplier(first.fitted, second.fitted, c)};
    if (std::isnan(m.value)) continue;
    const auto inside = [](double x, const Interval& range) {
      return range.low <= x * (1 + 1e-9) && x <= range.high * (1 + 1e-9);
    };
    m.extrapolated = !inside(c, second.flops_range) || !inside(c * m.value, first.flops_range);
    Law a = first.fitted, b = second.fitted;
    std::vector<double> values;
    for (std::size_t i = 0; i < pairs; ++i) {
      a.values = first.bootstrap.draws[i];
      b.values = second.bootstrap.draws[i];
      const double value = multiplier(a, b, c);
      if (std::isnan(value)) continue;
      if (std::isinf(value)) ++m.unreachable;
      values.push_back(value);
    }
    m.draws = std::ssize(values);
    if (values.size() >= kFewestDraws) m.ci95 = draws_interval(values, tail);
    all.push_back(m);
  }
  return all;
}

std::string describe(const std::vector<ComputeMultiplier>& multipliers, const std::string& first,
                     const std::string& second) {
  if (multipliers.empty()) return "";
  const auto number = [](double x) { return std::isfinite(x) ? fmt::format("{:.3f}", x) : std::string("no bound"); };
  const auto shown = [](const ComputeMultiplier& m) { return m.draws >= static_cast<std::int64_t>(kFewestDraws); };
  const auto interval = [&](const ComputeMultiplier& m) {
    return shown(m) ? fmt::format(" [{}, {}]", number(m.ci95.low), number(m.ci95.high)) : std::string();
  };
  std::string text =
      fmt::format("compute multiplier: how many times the compute of {} gives the loss of {}\n", first, second);
  for (const ComputeMultiplier& m : multipliers) {
    text += fmt::format("  at {} FLOPs: {}{}{}\n", power_text(m.flops), number(m.value), interval(m),
                        m.extrapolated ? ", outside the runs" : "");
  }
  const ComputeMultiplier& m = multipliers[multipliers.size() / 2];
  if (!std::isfinite(m.value)) {
    return text +
           fmt::format("no compute of {} reaches the loss of {} at {} FLOPs\n", first, second, power_text(m.flops));
  }
  const bool second_better = m.value >= 1;
  const double ratio = second_better ? m.value : 1 / m.value;
  if (ratio < 1.005) {  // to two digits there is nothing to save
    const bool narrow = shown(m) && m.ci95.low > 0.995 && m.ci95.high < 1.005;
    return text + fmt::format("at {} FLOPs {} and {} come out alike{}\n", power_text(m.flops), first, second,
                              narrow        ? ", within half a percent of their compute"
                              : m.draws > 0 ? fmt::format("; the interval{} leaves open which is better", interval(m))
                                            : "");
  }
  text += fmt::format("at {} FLOPs {} reaches the loss of {} with 1/{:.2f} of the compute ({} %){}",
                      power_text(m.flops), second_better ? second : first, second_better ? first : second, ratio,
                      ratio < 10 ? fmt::format("{:.0f}", 100 / ratio) : fmt::format("{:.2g}", 100 / ratio),
                      m.extrapolated ? ", which lies outside the runs" : "");
  if (shown(m) && m.ci95.low <= 1 && m.ci95.high >= 1) {
    text += "; the interval holds 1, so neither is shown to be better";
  }
  return text + "\n";
}

}  // namespace scalelaw::inline inference
