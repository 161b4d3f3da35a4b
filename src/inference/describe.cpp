#include "core/format.hpp"
#include "inference/compare.hpp"

namespace scalelaw {
namespace {

Json json_of(const Interval& i) { return Json::array({finite_or_null(i.low), finite_or_null(i.high)}); }

std::string text_of(double value, const Interval& i) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", value, i.low, i.high);
}

}  // namespace

Json to_json(const Comparison& c) {
  Json exponents = Json::array();
  for (const ExponentComparison& e : c.exponents) {
    exponents.push_back({{"name", e.name},
                         {"first", finite_or_null(e.first)},
                         {"first_ci95", json_of(e.first_ci95)},
                         {"second", finite_or_null(e.second)},
                         {"second_ci95", json_of(e.second_ci95)},
                         {"difference", finite_or_null(e.difference)},
                         {"difference_ci95", json_of(e.difference_ci95)},
                         {"difference_ci90", json_of(e.difference_ci90)},
                         {"significant", e.significant},
                         {"detectable", finite_or_null(e.detectable)},
                         {"verdict", e.verdict}});
  }
  return {{"schema", "scalelaw.comparison/1"},
          {"first", c.first},
          {"second", c.second},
          {"convention", to_json_fields(c.convention)},
          {"margin", c.margin},
          {"studies", c.studies},
          {"failed", c.failed},
          {"noise", finite_or_null(c.noise)},
          {"noise_estimated", c.noise_estimated},
          {"group_share", c.group_share},
          {"reanchored", c.reanchored},
          {"first_fit", to_json(c.first_fit)},
          {"second_fit", to_json(c.second_fit)},
          {"exponents", exponents},
          {"notes", c.notes}};
}

std::string describe(const Comparison& c) {
  std::string text =
      fmt::format("{} against {}, margin {:g}, N counted as {}\n", c.first, c.second, c.margin, c.convention.params);
  if (c.noise > 0) {
    text += fmt::format("{} simulated studies at the same points, noise of ln loss {:.4f}{}{}\n", c.studies, c.noise,
                        c.noise_estimated ? " (from the residuals)" : " (given)",
                        c.failed > 0 ? fmt::format(", {} more did not converge", c.failed) : "");
  }
  std::vector<std::vector<std::string>> rows;
  for (const ExponentComparison& e : c.exponents) {
    if (e.verdict == "not_converged") {
      rows.push_back({e.name, "-", "-", "-", "-", "not converged"});
    } else {
      rows.push_back({e.name, text_of(e.first, e.first_ci95), text_of(e.second, e.second_ci95),
                      text_of(e.difference, e.difference_ci95), fmt::format("{:.3f}", e.detectable), e.verdict});
    }
  }
  if (!rows.empty()) {
    text += text_table(
        {"exponent", c.first + " [95 %]", c.second + " [95 %]", "difference [95 %]", "detectable", "verdict"}, rows);
    text += fmt::format(
        "equivalent: the 90 % interval of the difference lies within {:g} of 0; different: the 95 % interval "
        "excludes 0; detectable: the smallest difference this design finds in 80 % of studies\n",
        c.margin);
  }
  for (const std::string& note : c.notes) text += fmt::format("note: {}\n", note);
  return text;
}

}  // namespace scalelaw
