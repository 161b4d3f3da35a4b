#include "inference/loss_multiplier.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "fit/draws.hpp"
#include "fit/fit_json.hpp"
#include "inference/multiplier.hpp"

namespace scalelaw::inline inference {
namespace {

constexpr std::size_t kLosses = 5;

/// What a multiplier asks of one source.
struct Recipe {
  Law law;
  std::vector<std::vector<double>> draws;
  Interval flops;       ///< of its runs
  double measured = 0;  ///< the least loss of its runs; 0: not known
  [[nodiscard]] double flops_for(double loss) const { return compute_reaching(law, loss, flops.high); }
};

Recipe recipe_of(const FitResult& fit) {
  return {.law = fit.fitted,
          .draws = fit.bootstrap.draws,
          .flops = fit.flops_range,
          .measured = fit.best_measured.empty() ? 0 : fit.best_measured.back().loss_nats};
}

/// Losses that the law has at the compute of its runs and that some run came down to.
Interval reached_by(const Recipe& r) {
  return {std::max(least_loss(r.law, r.flops.high), r.measured), least_loss(r.law, r.flops.low)};
}

/// Evenly in ln loss, rounded to three decimals where that stays within the range.
std::vector<double> losses_within(const Interval& range) {
  std::vector<double> out;
  for (std::size_t i = 0; i < kLosses; ++i) {
    const double share = static_cast<double>(i) / (kLosses - 1);
    const double loss = std::exp((1 - share) * std::log(range.high) + share * std::log(range.low));
    const double rounded = std::round(1e3 * loss) / 1e3;
    const double inward = rounded > range.high ? rounded - 1e-3 : rounded < range.low ? rounded + 1e-3 : rounded;
    out.push_back(range.low <= inward && inward <= range.high ? inward : loss);
  }
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/// Outside what its runs show: a compute that none of them had, or a loss below all of theirs.
bool outside(const Recipe& r, double loss, double flops) {
  constexpr double kRounding = 1e-6;
  return !(r.flops.low * (1 - kRounding) <= flops && flops <= r.flops.high * (1 + kRounding)) ||
         loss < r.measured * (1 - kRounding);
}

double ratio(double first, double second) {
  if (!std::isfinite(second)) return std::nan("");  // then the other has no compute to be compared with
  return first / second;
}

LossMultiplier multiplier_at(const Recipe& first, const Recipe& second, double loss, double tail) {
  LossMultiplier m{.loss_nats = loss, .first_flops = first.flops_for(loss), .second_flops = second.flops_for(loss)};
  m.value = ratio(m.first_flops, m.second_flops);
  m.first_outside = outside(first, loss, m.first_flops);
  m.second_outside = outside(second, loss, m.second_flops);
  Recipe a = first, b = second;
  std::vector<double> values;
  for (std::size_t i = 0; i < std::min(first.draws.size(), second.draws.size()); ++i) {
    a.law.values = first.draws[i];
    b.law.values = second.draws[i];
    const double value = ratio(a.flops_for(loss), b.flops_for(loss));
    if (std::isnan(value)) continue;
    if (std::isinf(value)) ++m.unreachable;
    values.push_back(value);
  }
  m.draws = std::ssize(values);
  if (values.size() >= kFewestDraws) m.ci95 = draws_interval(values, tail);
  return m;
}

std::string number_text(double x) { return std::isfinite(x) ? fmt::format("{:.3f}", x) : std::string("no bound"); }
std::string flops_text(double x) { return std::isfinite(x) ? power_text(x, 3) : std::string("out of reach"); }
bool has_interval(const LossMultiplier& m) { return m.draws >= static_cast<std::int64_t>(kFewestDraws); }

std::string outside_text(const LossMultiplier& m, const std::string& first, const std::string& second) {
  if (m.first_outside && m.second_outside) return "of both";
  return m.first_outside ? "of " + first : m.second_outside ? "of " + second : "";
}

/// The row that a sentence is made of: the middle one of those within the runs, else of all.
const LossMultiplier& told(const LossMultipliers& all) {
  std::vector<const LossMultiplier*> within;
  for (const LossMultiplier& m : all.at) {
    if (!m.first_outside && !m.second_outside) within.push_back(&m);
  }
  return within.empty() ? all.at[all.at.size() / 2] : *within[within.size() / 2];
}

std::string sentence(const LossMultipliers& all, const std::string& first, const std::string& second) {
  const LossMultiplier& m = told(all);
  if (!std::isfinite(m.value)) {
    return fmt::format("no compute of {} reaches a loss of {:.4g}\n", std::isnan(m.value) ? second : first,
                       m.loss_nats);
  }
  std::string text =
      fmt::format("{} needs {:.3f} times the compute of {} for a loss of {:.4g}", first, m.value, second, m.loss_nats);
  if (has_interval(m)) {
    text += fmt::format(", 95 % interval [{}, {}]", number_text(m.ci95.low), number_text(m.ci95.high));
    if (m.ci95.low <= 1 && m.ci95.high >= 1) text += ", which holds 1: neither is shown to be better";
  }
  if (m.first_outside || m.second_outside) {
    text += fmt::format("; an extrapolation, outside the runs {}", outside_text(m, first, second));
  }
  return text + "\n";
}

/// How far the constants in common suit both.
std::string joint_text(const JointFit& j) {
  return fmt::format(
      "exponents and offset in common, amplitudes of each its own (objective {:.4g}, with constants of their own "
      "{:.4g}): m is the same at every loss\n",
      j.objective, j.separate);
}

}  // namespace

LossMultipliers loss_multipliers(const std::vector<Observation>& first_points,
                                 const std::vector<Observation>& second_points, const FitResult& first,
                                 const FitResult& second, const FitOptions& options, const MultiplierOptions& wanted) {
  LossMultipliers out;
  if (!has_least_loss(first) || !has_least_loss(second)) {
    out.failure =
        fmt::format("the law {} has no least loss at a budget, or its fit did not converge", law_form(first.law).name);
    return out;
  }
  Recipe a = recipe_of(first), b = recipe_of(second);
  const double tail = std::min(interval_tail(first), interval_tail(second));
  if (wanted.shared_exponents) {
    out.joint = fit_jointly(first_points, second_points, first, second, options);
    if (!out.joint->converged) {
      out.failure = out.joint->message;
      return out;
    }
    a.law = out.joint->first;
    b.law = out.joint->second;
    a.draws = out.joint->first_draws;
    b.draws = out.joint->second_draws;
  }
  const Interval of_first = reached_by(a), of_second = reached_by(b);
  const Interval both = {std::max(of_first.low, of_second.low), std::min(of_first.high, of_second.high)};
  if (both.low < both.high) out.reached = both;
  std::vector<double> losses = wanted.losses;
  if (losses.empty() && !(both.low < both.high)) {
    out.failure = fmt::format(
        "no loss was reached by both: the runs of the first come from {:.4g} down to {:.4g}, those of the second from "
        "{:.4g} to {:.4g}; any multiplier would be an extrapolation, which --losses asks for",
        of_first.high, of_first.low, of_second.high, of_second.low);
    return out;
  }
  if (losses.empty()) losses = losses_within(both);
  std::ranges::sort(losses, std::greater<>());
  for (const double loss : losses) out.at.push_back(multiplier_at(a, b, loss, tail));
  return out;
}

Json to_json(const LossMultipliers& all) {
  Json at = Json::array();
  for (const LossMultiplier& m : all.at) {
    at.push_back({{"loss", m.loss_nats},
                  {"first_flops", finite_or_null(m.first_flops)},
                  {"second_flops", finite_or_null(m.second_flops)},
                  {"value", finite_or_null(m.value)},
                  {"ci95", has_interval(m) ? interval_json(m.ci95) : Json(nullptr)},
                  {"first_outside", m.first_outside},
                  {"second_outside", m.second_outside},
                  {"draws", m.draws},
                  {"unreachable_draws", m.unreachable}});
  }
  Json out = {{"shared_exponents", all.joint.has_value()},
              {"reached", all.reached.high > 0 ? interval_json(all.reached) : Json(nullptr)},
              {"at", at}};
  if (!all.failure.empty()) out["failure"] = all.failure;
  if (all.joint && all.joint->converged) {
    const JointFit& j = *all.joint;
    Json first = Json::object(), second = Json::object();
    for (std::size_t k = 0; k < j.first.values.size(); ++k) {
      const std::string& name = j.first.form().parameters[k];
      first[name] = finite_or_null(j.first.values[k]);
      second[name] = finite_or_null(j.second.values[k]);
    }
    out["joint"] = {{"objective", j.objective},
                    {"objective_separate", j.separate},
                    {"first_params", first},
                    {"second_params", second},
                    {"failed", j.failed}};
  }
  return out;
}

std::string describe(const LossMultipliers& all, const std::string& first, const std::string& second) {
  if (!all.failure.empty()) return fmt::format("no compute multiplier: {}\n", all.failure);
  std::string text = sentence(all, first, second);
  std::vector<std::vector<std::string>> rows;
  bool any_outside = false;
  for (const LossMultiplier& m : all.at) {
    const std::string where = outside_text(m, first, second);
    any_outside = any_outside || !where.empty();
    rows.push_back({fmt::format("{:.4g}", m.loss_nats), flops_text(m.first_flops), flops_text(m.second_flops),
                    std::isnan(m.value) ? "-" : number_text(m.value),
                    has_interval(m) ? fmt::format("[{}, {}]", number_text(m.ci95.low), number_text(m.ci95.high)) : "",
                    where});
  }
  std::vector<std::string> header = {"loss", "FLOPs of " + first, "FLOPs of " + second, "multiplier", "95 % interval"};
  if (any_outside) header.emplace_back("outside the runs");
  text += text_table(header, rows);
  text += fmt::format("multiplier: the compute of {} over that of {} at the same loss, each at its best N and D\n",
                      first, second);
  if (all.joint) text += joint_text(*all.joint);
  if (all.reached.high > 0) {
    text += fmt::format("losses from {:.4g} to {:.4g} were reached by both within their runs\n", all.reached.high,
                        all.reached.low);
  } else {
    text += "no loss was reached by both within their runs: every multiplier here is an extrapolation\n";
  }
  return text;
}

}  // namespace scalelaw::inline inference
