#include "inference/coverage_text.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"

namespace scalelaw::inline inference {
namespace {

// "ln N*(1e+12)" for ln_params_optimal.
std::string quantity_text(const std::string& name, double flops) {
  const bool ten = name.ends_with("_10");
  const std::string base = ten ? name.substr(0, name.size() - 3) : name;
  const std::string at = fmt::format("({:.3g})", ten ? 10 * flops : flops);
  if (base == "ln_params_optimal") return "ln N*" + at;
  if (base == "loss_optimal") return "L*" + at;
  if (base == "loss_predicted") return "loss there" + at;
  return name;
}

}  // namespace

Json to_json(const Coverage& c) {
  Json quantities = Json::array();
  for (const QuantityCoverage& q : c.quantities) {
    quantities.push_back({{"name", q.name},
                          {"truth", q.truth},
                          {"mean", finite_or_null(q.mean)},
                          {"bias", finite_or_null(q.bias)},
                          {"sd", finite_or_null(q.sd)},
                          {"width80", finite_or_null(q.width80)},
                          {"width95", finite_or_null(q.width95)},
                          {"covered80", q.covered80},
                          {"covered95", q.covered95}});
  }
  Json out = {{"schema", "scalelaw.coverage/1"},
              {"law", c.law},
              {"fitted", law_form(c.options.fit.law).name},
              {"method", c.options.fit.method},
              {"convention", to_json_fields(c.options.fit.convention)},
              {"points", c.points},
              {"groups", c.groups},
              {"noise", c.options.noise.sd},
              {"group_share", c.options.noise.group_share},
              {"studies", c.studies},
              {"failed", c.failed},
              {"resample", c.options.fit.bootstrap.resample},
              {"replicates", c.options.fit.bootstrap.replicates},
              {"refits_failed", c.refits_failed},
              {"seed", c.options.seed},
              {"flops", c.flops},
              {"share_se95", c.share_se(0.95)},
              {"quantities", quantities},
              {"notes", c.notes}};
  if (c.options.noise.group_share > 0) out["shared_by"] = name_of(c.options.noise.shared_by);
  for (const auto& [law, count] : c.answered) out["answered"][law_form(law).name] = count;
  return out;
}

std::string describe(const Coverage& c) {
  const FitOptions& fit = c.options.fit;
  std::string text = fmt::format(
      "{} simulated studies of {} at {} points in {} independent units; noise of ln loss {:g}{}\n"
      "estimator: {}, {}, N counted as {}, {} refits resampling {}; {} studies more did not converge\n",
      c.studies, c.law, c.points, c.groups, c.options.noise.sd,
      c.options.noise.group_share > 0
          ? fmt::format(", {:g} % of its variance shared within a {}", 100 * c.options.noise.group_share,
                        c.options.noise.shared_by == SharedBy::trunk ? "group" : name_of(c.options.noise.shared_by))
          : "",
      c.options.laws.empty() ? law_form(fit.law).name : std::string("the law that the points choose"), fit.method,
      fit.convention.params, fit.bootstrap.replicates, fit.bootstrap.resample, c.failed);
  if (!c.answered.empty()) {
    std::string laws;
    for (const auto& [law, count] : c.answered) {
      laws += fmt::format("{}{} in {}", laws.empty() ? "" : ", ", law_form(law).name, count);
    }
    text += fmt::format("law that answered: {}\n", laws);
  }
  std::vector<std::vector<std::string>> rows;
  for (const QuantityCoverage& q : c.quantities) {
    const auto number = [](double x) { return std::isfinite(x) ? fmt::format("{:.4f}", x) : "–"; };  // sd of one study
    rows.push_back({quantity_text(q.name, c.flops), number(q.truth), number(q.mean), fmt::format("{:+.4f}", q.bias),
                    number(q.sd), number(q.width80), number(q.width95), fmt::format("{:.1f} %", 100 * q.covered80),
                    fmt::format("{:.1f} %", 100 * q.covered95)});
  }
  if (!rows.empty()) {
    text += text_table(
        {"quantity", "truth", "mean", "bias", "sd", "width 80 %", "width 95 %", "80 % covers", "95 % covers"}, rows);
    text += fmt::format(
        "covers: share of the studies whose interval holds the truth; with {} studies its standard error is {:.1f} % "
        "at 80 % and {:.1f} % at 95 %; widths are medians\n",
        c.studies, 100 * c.share_se(0.8), 100 * c.share_se(0.95));
  }
  for (const std::string& note : c.notes) text += fmt::format("note: {}\n", note);
  return text;
}

}  // namespace scalelaw::inline inference
