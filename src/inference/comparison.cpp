#include "inference/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/format.hpp"
#include "fit/fit_json.hpp"

namespace scalelaw::inline inference {
namespace {

std::string text_of(double value, const Interval& i) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", value, i.low, i.high);
}

std::string counted_text(const Comparison& c) {
  const bool own = c.first_counted == kOwnCounts, other_own = c.second_counted == kOwnCounts;
  if (own && other_own) return "as each of the two counts it";
  if (!c.second_measured || c.first_counted == c.second_counted) {
    return own ? fmt::format("as {} counts it", c.first) : "as " + c.first_counted;
  }
  const auto text = [](const std::string& name, const std::string& how) {
    return how == kOwnCounts ? fmt::format("as {} counts it", name) : fmt::format("as {} in {}", how, name);
  };
  return fmt::format("{}, {}", text(c.first, c.first_counted), text(c.second, c.second_counted));
}

std::vector<std::string> cautions_of(const FitResult& fit) {
  std::vector<std::string> lines = fit.cautions;
  if (fit.converged() && !fit.message.empty()) lines.insert(lines.begin(), fit.message);
  return lines;
}

}  // namespace

std::vector<std::string> first_cautions(const Comparison& c) { return cautions_of(c.first_fit); }

std::vector<std::string> second_cautions(const Comparison& c) {
  return c.second_measured ? cautions_of(c.second_fit) : std::vector<std::string>{};
}

std::string cautions_text(const Comparison& c) {
  std::string text;
  for (const std::string& line : first_cautions(c)) text += fmt::format("caution: {}: {}\n", c.first, line);
  for (const std::string& line : second_cautions(c)) text += fmt::format("caution: {}: {}\n", c.second, line);
  return text;
}

Margin parse_margin(const std::string& text) {
  const bool relative = text.ends_with('%');
  const std::string digits = relative ? text.substr(0, text.size() - 1) : text;
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (digits.empty() || *end != '\0' || !(value > 0) || !std::isfinite(value)) {
    fail_config("compare: --margin is {}; it must be positive: 0.05 is a difference, 10% a share of the exponent",
                text);
  }
  return {.value = relative ? value / 100 : value, .relative = relative};
}

std::string describe(const Margin& margin) {
  return margin.relative ? fmt::format("{:g} % of the second exponent", 100 * margin.value)
                         : fmt::format("{:g}", margin.value);
}

std::string verdict_text(const ExponentComparison& e) {
  const Verdict verdict = e.verdict.value();
  if (verdict == Verdict::not_converged) return "not converged";
  if (e.otherwise) {
    return fmt::format("depends on the law: {}, or {}", name_of(verdict),
                       e.otherwise == Verdict::not_converged ? "not converged" : name_of(*e.otherwise));
  }
  if (e.different_if_unshared) return fmt::format("{}; different, if shapes share no noise", name_of(verdict));
  return e.within_margin ? "different, but within the margin" : std::string(name_of(verdict));
}

Json to_json(const Comparison& c) {
  Json exponents = Json::array();
  for (const ExponentComparison& e : c.exponents) {
    exponents.push_back({{"name", e.name},
                         {"first", finite_or_null(e.first)},
                         {"first_ci95", interval_json(e.first_ci95)},
                         {"second", finite_or_null(e.second)},
                         {"second_ci95", interval_json(e.second_ci95)},
                         {"difference", finite_or_null(e.difference)},
                         {"difference_ci95", interval_json(e.difference_ci95)},
                         {"difference_ci90", interval_json(e.difference_ci90)},
                         {"significant", e.significant},
                         {"detectable", finite_or_null(e.detectable)},
                         {"margin", finite_or_null(e.margin)},
                         {"verdict", e.verdict.value()},
                         {"within_margin", e.within_margin},
                         {"different_if_unshared", e.different_if_unshared},
                         {"depends_on_law", e.otherwise.has_value()},
                         {"otherwise", e.otherwise ? Json(name_of(*e.otherwise)) : Json(nullptr)}});
  }
  Json multipliers = Json::array();
  for (const ComputeMultiplier& m : c.multipliers) {
    multipliers.push_back({{"flops", m.flops},
                           {"value", finite_or_null(m.value)},
                           {"ci95", interval_json(m.ci95)},
                           {"extrapolated", m.extrapolated},
                           {"draws", m.draws},
                           {"unreachable_draws", m.unreachable}});
  }
  Json out = {{"schema", "scalelaw.comparison/1"},
              {"first", c.first},
              {"second", c.second},
              {"convention", to_json_fields(c.convention)},
              {"counted", {{"first", c.first_counted}, {"second", c.second_counted}}},
              {"margin", c.margin.relative ? Json(nullptr) : Json(c.margin.value)},
              {"margin_relative", c.margin.relative ? Json(c.margin.value) : Json(nullptr)},
              {"studies", c.studies},
              {"failed", c.failed},
              {"noise", finite_or_null(c.noise)},
              {"noise_estimated", c.noise_estimated},
              {"group_share", c.group_share},
              {"reanchored", c.reanchored},
              {"first_fit", to_json(c.first_fit)},
              {"second_fit", to_json(c.second_fit)},
              {"exponents", exponents},
              {"compute_multiplier", multipliers},
              {"cautions", {{"first", first_cautions(c)}, {"second", second_cautions(c)}}},
              {"notes", c.notes}};
  if (c.loss_multipliers) out["multiplier"] = to_json(*c.loss_multipliers);
  return out;
}

std::string describe_multipliers(const Comparison& c) {
  std::string text = fmt::format("{} against {}, law {}, N counted {}\n", c.first, c.second,
                                 law_form(c.first_fit.law).name, counted_text(c));
  if (c.loss_multipliers) text += describe(*c.loss_multipliers, c.first, c.second);
  for (const std::string& note : c.notes) text += fmt::format("note: {}\n", note);
  return text;
}

std::string describe(const Comparison& c) {
  std::string text =
      fmt::format("{} against {}, margin {}, N counted {}\n", c.first, c.second, describe(c.margin), counted_text(c));
  if (c.noise > 0) {
    text += fmt::format("{} simulated studies at the same points, noise of ln loss {:.4f}{}{}\n", c.studies, c.noise,
                        !c.noise_shares.empty() ? fmt::format(" (drawn: {})", c.noise_shares)
                        : c.noise_estimated     ? " (from the residuals)"
                                                : " (given)",
                        c.failed > 0 ? fmt::format(", {} more did not converge", c.failed) : "");
  }
  std::vector<std::vector<std::string>> rows;
  for (const ExponentComparison& e : c.exponents) {
    if (e.verdict == Verdict::not_converged) {
      rows.push_back({e.name, "-", "-", "-", "-", "not converged"});
    } else {
      rows.push_back({e.name, text_of(e.first, e.first_ci95), text_of(e.second, e.second_ci95),
                      text_of(e.difference, e.difference_ci95), fmt::format("{:.3f}", e.detectable), verdict_text(e)});
    }
  }
  if (!rows.empty()) {
    text += text_table(
        {"exponent", c.first + " [95 %]", c.second + " [95 %]", "difference [95 %]", "detectable", "verdict"}, rows);
    text += fmt::format(
        "different: the 95 % interval of the difference excludes 0; equivalent: it does not, and the 90 % interval "
        "lies within the margin, {}; detectable: the smallest difference this design finds in 80 % of studies\n",
        describe(c.margin));
  }
  const bool depends =
      std::ranges::any_of(c.exponents, [](const ExponentComparison& e) { return e.otherwise.has_value(); });
  if (c.alternative && depends) {
    text += fmt::format(
        "depends on the law: the first verdict is that under {}, the second that under {}, which the points do not "
        "rule "
        "out\n",
        law_form(c.first_fit.law).name, law_form(*c.alternative).name);
  }
  text += describe(c.multipliers, c.first, c.second);
  for (const std::string& note : c.notes) text += fmt::format("note: {}\n", note);
  return text;
}

}  // namespace scalelaw::inline inference
