#include "fit/fit_text.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "fit/goodness_text.hpp"
#include "fit/holdout.hpp"
#include "fit/log_errors.hpp"
#include "fit/rollout.hpp"
#include "fit/valley.hpp"

namespace scalelaw::inline fit {
namespace {

std::string number_text(double x) { return std::isfinite(x) ? fmt::format("{:.6g}", x) : "-"; }
std::string interval_text(const Interval& i) {
  const auto end = [](double x) { return std::isfinite(x) ? fmt::format("{:.5g}", x == 0 ? 0.0 : x) : "-"; };
  return fmt::format("[{}, {}]", end(i.low), end(i.high));
}

// Draws that run off to where a parameter has no effect leave no standard deviation worth a number.
std::string error_text(double value, double se) {
  constexpr double kUnbounded = 1e3, kHeld = 1e-12;
  if (!std::isfinite(value)) return "";
  if (se <= kHeld * std::abs(value)) return "held";  // by --fix, or by the form of the law
  return std::isfinite(se) && se <= kUnbounded * std::max(1.0, std::abs(value)) ? fmt::format("{:.3g}", se)
                                                                                : "unbounded";
}

// "(X/N)^alpha" where the law was fitted without its offset.
std::string formula_text(const FitResult& r) {
  const LawForm& form = law_form(r.law);
  const std::vector<std::size_t> offset = form.of_role(Role::offset);
  if (r.fitted.values.empty() || offset.empty() || shows_parameter(r.fitted, offset.front())) return form.formula;
  const std::string shown = form.parameters[offset.front()] + " + ";
  return form.formula.starts_with(shown) ? form.formula.substr(shown.size()) : form.formula;
}

// Parameters and derived quantities with their intervals.
std::string values_text(const FitResult& r) {
  std::string text;
  if (!r.fitted.values.empty()) {
    const LawForm& info = law_form(r.fitted.kind);
    // The profile covers less often than it says in small designs (docs/METHODS.md): with a bootstrap it is in the
    // JSON.
    const bool boot = !r.bootstrap.se.empty(), profile = !boot && !r.parametric().identifiability.empty();
    std::vector<std::string> header = {"", "value"};
    if (boot) header.insert(header.end(), {"std. error", "95 % interval"});
    if (profile) header.emplace_back("95 % profile");
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](const std::string& name, double x, const std::map<std::string, double>& se,
                         const std::map<std::string, Interval>& ci95) {
      const std::string unit = is_offset(info, name) && r.loss_unit != LossUnit::nats
                                   ? fmt::format(" ({})", loss_unit_text(r.loss_unit))
                                   : "";
      std::vector<std::string> row = {name + unit, number_text(x)};
      if (boot) {
        const auto log = r.bootstrap.se_log.find(name);
        const bool factor = log != r.bootstrap.se_log.end() && is_factor(info, name);
        row.push_back(factor ? factor_text(log->second) : se.contains(name) ? error_text(x, se.at(name)) : "");
        row.push_back(ci95.contains(name) ? interval_text(ci95.at(name)) : "");
      }
      if (profile) {
        const auto it = r.parametric().identifiability.find(name);
        row.push_back(it == r.parametric().identifiability.end() ? ""
                      : it->second.identified                    ? interval_text(it->second.profile_ci95)
                                                                 : "not identified");
      }
      rows.push_back(row);
    };
    for (std::size_t k = 0; k < r.fitted.values.size(); ++k) {
      if (shows_parameter(r.fitted, k)) add(info.parameters[k], r.fitted.values[k], r.bootstrap.se, r.bootstrap.ci95);
    }
    for (const auto& [name, x] : r.derived) add(name, x, r.bootstrap.derived_se, r.bootstrap.derived_ci95);
    text += text_table(header, rows);
  }
  return text;
}

// The isoFLOP budgets.
std::string budgets_text(const FitResult& r) {
  std::string text;
  if (!r.isoflop().budgets.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const IsoflopBudget& b : r.isoflop().budgets) {
      const bool in = has_minimum(b);
      rows.push_back({power_text(b.flops), std::to_string(b.points), std::string(name_of(b.status)),
                      in ? short_count(b.params) : "", in ? short_count(b.tokens) : "",
                      in ? fmt::format("{:.4f}", b.loss_nats) : "", in ? fmt::format("{:.2g}", b.rms) : "",
                      b.cubic_params > 0 ? short_count(b.cubic_params) : "",
                      b.law_params > 0 ? short_count(b.law_params) : ""});
    }
    const std::string loss = r.loss_unit == LossUnit::nats ? "loss" : "loss," + r.unit_text();
    text += text_table(
        {"budget", "points", "minimum", "N*", "D*", loss, "rms of ln loss", "N* of a cubic", "N* of the law"}, rows);
  }
  double squares = 0, noise = 0, count = 0;
  for (const IsoflopBudget& b : r.isoflop().budgets) {
    if (!has_minimum(b) || !(b.rms > 0)) continue;
    squares += b.rms * b.rms;
    count += 1;
    if (r.noise) noise += std::pow(r.noise->at(b.loss_nats), 2);
  }
  if (noise > 0) {
    text += fmt::format(
        "residuals about the parabolas: rms of ln loss {:.3g}, {:.2f} times the noise of one run between seeds\n",
        std::sqrt(squares / count), std::sqrt(squares / noise));
  }
  const IsoflopFit& isoflop = r.isoflop();
  if (isoflop.bias.contains("a")) {
    text += fmt::format(
        "bias of this design: parabolas through the losses of {} itself at these sizes give an a {:+.3f} from its "
        "own\n",
        isoflop.bias_law, isoflop.bias.at("a"));
  }
  for (const std::string& line : r.isoflop().advice) text += fmt::format("advice: {}\n", line);
  return text;
}

// What the valleys say without a law of the loss.
std::string without_law_text(const WithoutLaw& w) {
  if (w.empty()) return "";
  const auto with = [](double x, const std::optional<Interval>& ci95) {
    return ci95 ? fmt::format("{:.4g} {}", x, interval_text(*ci95)) : fmt::format("{:.4g}", x);
  };
  std::string text =
      fmt::format("without a law: along the minima L* ~ C^-{} (no offset)\n", with(*w.loss_slope, w.loss_slope_ci95));
  if (!w.mean_exponent) return text;
  text += fmt::format(
      "  (alpha + beta) / 2 = {}, of any law that rises with A/N^alpha + B/D^beta: curvature of the valleys in ln N "
      "over "
      "2 |dL*/d ln C|\n",
      with(*w.mean_exponent, w.mean_exponent_ci95));
  std::vector<std::vector<std::string>> rows;
  for (const LocalValley& v : w.valleys) {
    rows.push_back({power_text(v.flops), fmt::format("{:.4g}", v.curvature), fmt::format("{:.4g}", v.slope),
                    with(v.mean_exponent, v.ci95)});
  }
  return text + text_table({"budget", "curvature", "|dL*/d ln C|", "(alpha + beta) / 2"}, rows);
}

// What leaving out each budget does to the exponents.
std::string jackknife_text(const FitResult& r) {
  std::string text;
  if (!r.jackknife.budgets.empty()) {
    const auto value = [](const Jackknife::Budget& b, const char* name) {
      const auto it = b.values.find(name);
      return it == b.values.end() ? std::string("-") : fmt::format("{:.4f}", it->second);
    };
    std::vector<std::vector<std::string>> rows;
    for (const Jackknife::Budget& b : r.jackknife.budgets) {
      rows.push_back({power_text(b.flops), std::to_string(b.left_out), value(b, "a"), value(b, "b"),
                      std::string(name_of(b.status))});
    }
    text += text_table({"without budget", "points", "a", "b", "status"}, rows);
    for (const auto& [name, se] : r.jackknife.se) {
      const auto log = r.jackknife.se_log.find(name);
      text += fmt::format("jackknife {}: std. error {}, 95 % interval {}\n", name,
                          log == r.jackknife.se_log.end() ? fmt::format("{:.3g}", se) : factor_text(log->second),
                          interval_text(r.jackknife.ci95.at(name)));
    }
  }
  return text;
}

// How the minimum was reached; agreement counts only between ways that did not meet before.
std::string search_text(const Convergence& c) {
  if (c.paths == 0) return fmt::format("{} of {} starts at the best", c.starts_at_best, c.starts);
  std::string text = fmt::format("{} of {} separate searches at the best", c.paths_at_best, c.paths);
  if (c.next_best_objective) {
    text += fmt::format(", {} minima found (next best {:.6g})", c.minima_found, *c.next_best_objective);
  }
  return text;
}

// How the intervals were made, and what became of the refits.
std::string bootstrap_text(const FitResult& r) {
  const BootstrapResult& b = r.bootstrap;
  if (b.replicates == 0) return "";
  std::string text;
  if (r.method() == Method::parametric) {
    text = fmt::format("bootstrap: {} replicates by {}, {} failed, {} at a bound, seed {}\n", b.replicates, b.resample,
                       b.failed, b.at_bound, b.seed);
    if (!b.noise.empty()) text += "  noise drawn: " + b.noise + "\n";
  } else {
    text = fmt::format("bootstrap: {} replicates by {}, seed {}\n", b.replicates, b.resample, b.seed);
    if (b.failed > 0) {
      text += fmt::format("  {} of {} refits gave too few minima for a power law and are left out of the intervals\n",
                          b.failed, b.replicates);
    }
    if (b.partial > 0) {
      text += fmt::format("  {} of {} refits gave no interior minimum at a budget that has one here\n", b.partial,
                          b.replicates);
    }
  }
  std::string unknown;
  if (!b.se.empty()) {
    for (const auto& [name, profile] : r.parametric().identifiability) {
      if (!profile.identified) unknown += (unknown.empty() ? "" : ", ") + name;
    }
  }
  if (!unknown.empty()) text += fmt::format("  the profile does not bound {}: not identified\n", unknown);
  return text;
}

}  // namespace

std::string describe(const FitResult& r) {
  std::string text = fmt::format("{} fit of {}: {}\n{}", r.method(), law_form(r.law).name, formula_text(r),
                                 counted(r.n, "observation"));
  if (r.dropped > 0) text += fmt::format(" ({} dropped)", counted(r.dropped, "highest loss", "highest losses"));
  text += fmt::format(", N {}, C {}", r.convention.params, r.convention.flops);
  if (r.loss_unit != LossUnit::nats) text += fmt::format(", losses in{}", r.unit_text());
  text += "\n";
  if (r.converged()) {
    text += "status: converged";
    if (!r.message.empty()) text += "\ncaution: " + r.message;
  } else if (r.of_few_points()) {
    text += fmt::format("status: FEW POINTS ({})\ncaution: {}", r.convergence.status, r.message);
  } else {
    const bool bound = r.convergence.status == FitStatus::at_bound;
    text += fmt::format("status: {} ({}): {}", bound ? "AT A BOUND" : "NOT CONVERGED", r.convergence.status, r.message);
  }
  if (r.method() == Method::parametric && r.convergence.starts > 0) {
    text += fmt::format("\n{} objective {:.12g}, {}, scaled gradient {:.1e}, condition {:.1e}",
                        r.parametric().objective.kind, r.parametric().objective_value, search_text(r.convergence),
                        r.convergence.gradient_norm, r.convergence.condition);
  }
  text += "\n";
  text += values_text(r) + bootstrap_text(r);
  for (const std::string& line : r.cautions) {
    if (line != r.message) text += fmt::format("caution: {}\n", line);
  }
  text += goodness_text(r, 5);
  if (r.noise) {
    text += fmt::format("seeds: sd of ln loss {:.4f} at loss {:.3f}{}{}, {} degrees of freedom\n", r.noise->sd,
                        r.noise->at_loss, r.unit_text(),
                        r.noise->slope != 0 ? fmt::format(", as loss^{:.2f}", r.noise->slope) : "", r.noise->freedom);
  }
  text += budgets_text(r) + without_law_text(r.isoflop().without_law) + jackknife_text(r) + describe(r.holdout) +
          describe(r.rollout);
  return text;
}

}  // namespace scalelaw::inline fit
