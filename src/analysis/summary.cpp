#include "analysis/summary.hpp"

#include <algorithm>

#include "analysis/sources.hpp"
#include "analysis/text.hpp"
#include "core/format.hpp"
#include "fit/choice_text.hpp"
#include "fit/holdout.hpp"

namespace scalelaw::inline analysis {
namespace {

std::string exponents_line(const FitResult& fit) {
  const auto a = fit.derived.find("a");
  const auto b = fit.derived.find("b");
  std::string out = fmt::format("{}: {}", method_text(fit), status_text(fit));
  if (a == fit.derived.end() || b == fit.derived.end()) return out + "\n";
  return out + fmt::format("; N* ~ C^{}, D* ~ C^{}\n",
                           interval_text(a->second, find_interval(fit.bootstrap.derived_ci95, "a")),
                           interval_text(b->second, find_interval(fit.bootstrap.derived_ci95, "b")));
}

std::string constants_table(const FitResult& fit) {
  const auto& names = law_form(fit.law).parameters;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < names.size() && i < fit.fitted.values.size(); ++i) {
    const Interval* ci = find_interval(fit.bootstrap.ci95, names[i]);
    const auto identified = fit.parametric().identifiability.find(names[i]);
    const bool weak = identified != fit.parametric().identifiability.end() && !identified->second.identified;
    rows.push_back({names[i], number_text(fit.fitted.values[i]),
                    ci != nullptr ? fmt::format("{} .. {}", number_text(ci->low), number_text(ci->high)) : "–",
                    weak ? "not identified by these runs" : ""});
  }
  return text_table({"constant", "value", "95 % interval", ""}, rows);
}

std::string allocation_text(const std::vector<Allocation>& allocations) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : allocations) {
    rows.push_back({power_text(a.flops), count_interval_text(a.params, find_interval(a.ci95, "params")),
                    count_interval_text(a.tokens, find_interval(a.ci95, "tokens")), number_text(a.tokens_per_param),
                    interval_text(a.loss_nats, find_interval(a.ci95, "loss"))});
  }
  return text_table({"C (FLOPs)", "N* (params)", "D* (tokens)", "D*/N*", "loss (nats)"}, rows);
}

}  // namespace

std::string learning_rates_text(const Analysis& analysis) {
  const auto& sweeps = analysis.selection.sweeps;
  const auto tuned = std::ranges::count_if(sweeps, [](const LrSweep& s) { return s.points.size() > 1; });
  if (tuned == 0) return "";
  std::string open;
  for (const LrSweep& s : sweeps) {
    if (s.points.size() > 1 && s.status != SweepStatus::interior)
      open += fmt::format("{}{} ({})", open.empty() ? "; not at " : ", ", describe_point(s), s.status);
  }
  const auto inside = std::ranges::count(sweeps, SweepStatus::interior, &LrSweep::status);
  std::string out = fmt::format("learning rates: best one bracketed at {} of {} points{}\n", inside, tuned, open);
  out += describe(analysis.lr_law) + "\n";
  if (const std::string line = describe(analysis.selection.branching); !line.empty()) out += line + "\n";
  return out;
}

std::string summary_text(const Analysis& analysis, const std::filesystem::path& study_folder) {
  const std::string points = counted(std::ssize(analysis.selection.observations), "tuned point");
  std::string out = fmt::format("\n{}: {}, N and C as the file counts them; law {}\n", analysis.study, points,
                                law_form(analysis.parametric.law).formula);
  if (analysis.table.empty())
    out = fmt::format("\n{}: {} made ({}), {} of them, {}; law {}\n", analysis.study,
                      counted(std::ssize(analysis.records), "run"), source_title(analysis.records), points,
                      convention_text(analysis.options.convention), law_form(analysis.parametric.law).formula);
  if (const std::string simulation = simulation_text(analysis.records); !simulation.empty()) out += simulation + "\n";
  if (analysis.choice) out += describe(*analysis.choice) + "\n";
  out += exponents_line(analysis.parametric) + exponents_line(analysis.isoflop);
  out += describe(analysis.parametric.holdout);
  out += learning_rates_text(analysis);
  if (!analysis.parametric.fitted.values.empty()) out.append("\n").append(constants_table(analysis.parametric));
  if (!analysis.allocations.empty()) out += "\nCompute-optimal models:\n" + allocation_text(analysis.allocations);
  if (analysis.comparison) out.append("\n").append(describe(*analysis.comparison));
  for (const auto& warning : analysis.warnings) out.append("\nnote: ").append(warning);
  if (!analysis.warnings.empty()) out += "\n";
  return out + "\nreport: " + (study_folder / "report.html").string() + "\n";
}

}  // namespace scalelaw::inline analysis
