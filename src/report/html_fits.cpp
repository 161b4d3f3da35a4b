#include "report/html_fits.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/answer.hpp"
#include "analysis/text.hpp"
#include "core/format.hpp"
#include "fit/choice_text.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "report/escape.hpp"
#include "report/html_parts.hpp"

namespace scalelaw::inline report {
namespace {

/// A constant of a fit with its interval; says so where the data do not identify it.
std::string constant_cell(const FitResult& fit, const std::string& name) {
  const auto& names = law_form(fit.law).parameters;
  const auto at = std::ranges::find(names, name);
  const auto index = static_cast<std::size_t>(at - names.begin());
  // An isoFLOP fit has a and b alone; its law's constants are not those of the surface.
  if (at == names.end() || fit.method() != Method::parametric || index >= fit.fitted.values.size()) return "–";
  std::string cell = value_cell(fit.fitted.values[index], find_interval(fit.bootstrap.ci95, name));
  const auto identified = fit.parametric().identifiability.find(name);
  if (identified != fit.parametric().identifiability.end() && !identified->second.identified) {
    cell += "<span class=\"ci\">not identified by these runs</span>";
  }
  return cell;
}

std::string derived_cell(const FitResult& fit, const std::string& name) {
  const auto it = fit.derived.find(name);
  return it == fit.derived.end() ? "–" : value_cell(it->second, find_interval(fit.bootstrap.derived_ci95, name));
}

std::string published_cell(const Law& law, const std::string& name) {
  if (name == "a" || name == "b") {
    const auto exponents = allocation_exponents(law);
    return exponents ? number_text(name == "a" ? exponents->a : exponents->b) : "–";
  }
  const auto& names = law_form(law.kind).parameters;
  return std::ranges::find(names, name) == names.end() ? "–" : number_text(law.value(name));
}

std::string fit_table(const Analysis& analysis) {
  const FitResult& p = analysis.parametric;
  const FitResult& i = analysis.isoflop;
  const std::vector<const Law*> published = {&published_law("hoffmann2022"), &published_law("besiroglu2024")};
  std::vector<std::vector<std::string>> rows = {{"status", status_chip(p), status_chip(i), "published", "published"},
                                                {"points used", std::to_string(p.n), std::to_string(i.n), "", ""}};
  for (const auto& name : law_form(p.law).parameters) {
    std::vector<std::string> row = {html_escape(name), constant_cell(p, name), "–"};
    for (const Law* law : published) row.push_back(published_cell(*law, name));
    rows.push_back(std::move(row));
  }
  for (const auto& [name, words] :
       {std::pair<std::string, std::string>{"a", "a, in N* ∝ C<sup>a</sup>"}, {"b", "b, in D* ∝ C<sup>b</sup>"}}) {
    std::vector<std::string> row = {words, derived_cell(p, name), derived_cell(i, name)};
    for (const Law* law : published) row.push_back(published_cell(*law, name));
    rows.push_back(std::move(row));
  }
  rows.push_back({"objective (sum)", number_text(p.parametric().objective_value), "–", "", ""});
  const Convergence& c = p.convergence;
  const std::string starts = c.paths > 0    ? fmt::format("{} of {}", c.paths_at_best, c.paths)
                             : c.starts > 0 ? fmt::format("{} of {}", c.starts_at_best, c.starts)
                                            : std::string("–");
  rows.push_back({c.paths > 0 ? "separate searches at the optimum" : "starts at the optimum", starts, "–", "", ""});
  std::string note;
  if (p.bootstrap.replicates > 0) {
    note =
        fmt::format("<p class=\"caption\">Brackets: 95 % intervals from {} bootstrap refits over {} ({} failed).</p>\n",
                    p.bootstrap.replicates, p.bootstrap.resample, p.bootstrap.failed);
  } else {
    note = "<p class=\"caption\">No bootstrap was run, so there are no intervals.</p>\n";
  }
  return fmt::format("<h3>Fitted law: <code>{}</code></h3>\n", html_escape(law_form(p.law).formula)) +
         html_table("", {"", html_escape(method_text(p)), html_escape(method_text(i)), "hoffmann2022", "besiroglu2024"},
                    rows) +
         note;
}

std::string verdict_chip(const ExponentComparison& x) {
  const std::string text = verdict_text(x);
  if (x.verdict == Verdict::equivalent) return html_chip("good", text);
  if (x.verdict == Verdict::not_converged || (x.verdict == Verdict::different && !x.within_margin))
    return html_chip("bad", text);
  return html_chip("open", text);
}

std::string difference_cell(const ExponentComparison& c) {
  return fmt::format("{:+.3f}<span class=\"ci\">[{:+.3f}, {:+.3f}]</span>", c.difference, c.difference_ci95.low,
                     c.difference_ci95.high);
}

/// The lowest loss among the points, so that predictions can be held against it.
std::string best_measured(const Analysis& analysis) {
  const auto& points = analysis.selection.observations;
  if (points.empty()) return "";
  const Observation& best = *std::ranges::min_element(points, {}, &Observation::loss_nats);
  return fmt::format("<p class=\"caption\">Lowest loss measured: {:.4f} nats per token ({}N {}, D {}, C {}).</p>\n",
                     best.loss_nats, best.shape.empty() ? "" : html_escape(best.shape) + ", ", short_count(best.params),
                     short_count(best.tokens), power_text(best.flops));
}

}  // namespace

std::string choice_section(const Analysis& analysis) {
  if (!analysis.choice) {
    return fmt::format("<p>One law was asked for, <code>{}</code>, so no other was tried against it.</p>\n",
                       html_escape(law_form(analysis.parametric.law).name));
  }
  std::vector<std::vector<std::string>> rows = choice_rows(*analysis.choice);
  for (auto& row : rows) {
    for (auto& cell : row) cell = html_escape(cell);
  }
  const std::vector<std::string> header = rows.front();
  rows.erase(rows.begin());
  return fmt::format("<p>{}</p>\n", html_prose(reason_sentence(*analysis.choice))) + html_table("dense", header, rows) +
         "<p class=\"caption\">rms: what the law leaves of ln loss. AIC, BIC: above the least. Next budget: each "
         "budget predicted from those below it, root mean square (mean). Left-out budget: each predicted from all "
         "others. E: the loss that nothing goes below. a: N* grows as C<sup>a</sup>. 10 C: ten times the largest "
         "compute.</p>\n" +
         html_list(choice_cautions(*analysis.choice));
}

std::string allocation_section(const Analysis& analysis) {
  if (analysis.allocations.empty()) return "<p>No allocation: the notes below say why.</p>\n" + best_measured(analysis);
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : analysis.allocations) {
    rows.push_back({power_text(a.flops), count_cell(a.params, find_interval(a.ci95, "params")),
                    count_cell(a.tokens, find_interval(a.ci95, "tokens")),
                    value_cell(a.tokens_per_param, find_interval(a.ci95, "tokens_per_param")),
                    value_cell(a.loss_nats, find_interval(a.ci95, "loss")),
                    a.extrapolation_factor > 0 ? fmt::format("{}×", number_text(a.extrapolation_factor)) : "–",
                    a.shape_params > 0 ? fmt::format("{} ({})", html_escape(shape_name(a.shape)),
                                                     short_count(static_cast<double>(a.shape_params)))
                                       : "–"});
  }
  return "<h3>Compute-optimal models</h3>\n" +
         html_table("",
                    {"C (FLOPs)", "N* (params)", "D* (tokens)", "tokens / param", "loss (nats)", "C / largest measured",
                     "nearest shape"},
                    rows) +
         best_measured(analysis);
}

std::string fits_section(const Analysis& analysis) {
  const std::vector<std::string> tests = form_tests(analysis);
  return fit_table(analysis) + "<h3>Does the form suit the points?</h3>\n" +
         (tests.empty() ? std::string("<p>Nothing was tested.</p>\n") : html_list(tests));
}

std::string comparison_section(const Analysis& analysis) {
  if (!analysis.comparison) return "<p>No comparison was made.</p>\n";
  const Comparison& c = *analysis.comparison;
  std::vector<std::vector<std::string>> rows;
  for (const auto& x : c.exponents) {
    if (x.verdict == Verdict::not_converged) {
      rows.push_back({html_escape(x.name), "–", "–", "–", "–", verdict_chip(x)});
    } else {
      rows.push_back({html_escape(x.name), value_cell(x.first, &x.first_ci95), value_cell(x.second, &x.second_ci95),
                      difference_cell(x), number_text(x.detectable), verdict_chip(x)});
    }
  }
  std::string notes;
  for (const auto& note : c.notes) notes += "<p class=\"caption\">" + html_prose(note) + "</p>\n";
  return fmt::format(
             "<p>The same estimator on both sides: this study's points, and {} simulated studies of <code>{}</code> at "
             "the same N and D, with noise of {:.2f} % of the loss. Different: the 95 % interval of the difference "
             "excludes 0. Equivalent: it does not, and the 90 % interval lies within the margin, {}. Detectable: the "
             "smallest difference that this design finds in 80 % of studies.</p>\n",
             c.studies, html_escape(c.second), 100 * c.noise, html_escape(describe(c.margin))) +
         html_table("",
                    {"exponent", html_escape(c.first), "simulated " + html_escape(c.second), "difference", "detectable",
                     "verdict"},
                    rows) +
         notes;
}

std::string conventions_section(const Analysis& analysis) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& f : analysis.conventions) {
    std::vector<std::string> row = {html_escape(convention_text(f.convention)), status_chip(f.parametric)};
    for (const std::size_t k : law_form(f.parametric.law).of_role(Role::exponent)) {
      row.push_back(constant_cell(f.parametric, law_form(f.parametric.law).parameters[k]));
    }
    row.push_back(derived_cell(f.parametric, "a"));
    row.push_back(status_chip(f.isoflop));
    row.push_back(derived_cell(f.isoflop, "a"));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "<p>The file counts N and C in one way, so there is nothing to set beside it.</p>\n";
  std::vector<std::string> header = {"convention", "approach 3"};
  const LawForm& form = law_form(analysis.parametric.law);
  for (const std::size_t k : form.of_role(Role::exponent)) header.push_back(html_escape(form.parameters[k]));
  header.insert(header.end(), {"a", "approach 2", "a"});
  return "<p>What counts as a parameter and as a FLOP changes the exponents of the same runs, most of all at this "
         "scale. "
         "Total: every trained scalar. Non-embedding: without token and output matrices (Kaplan et al. 2020). "
         "Effective: "
         "non-embedding and the output matrix. Exact C: the matrix products of the real graph. Approach 2 keeps each "
         "point in "
         "the budget it was planned for.</p>\n" +
         html_table("", header, rows);
}

}  // namespace scalelaw::inline report
