#include "report/html_tables.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analysis/sources.hpp"
#include "analysis/summary.hpp"
#include "analysis/text.hpp"
#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/valley.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"
#include "report/escape.hpp"

namespace scalelaw::inline report {
namespace {

constexpr std::size_t kMaxRows = 200;  // of tables with a row per run

std::string e(std::string_view text) { return html_escape(text); }

/// Cells are HTML. `kind` is a class of the table: "" for numbers, "text" for words.
std::string table(std::string_view kind, const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string out = fmt::format("<div class=\"scroll\"><table class=\"{}\">\n<thead><tr>", kind);
  for (const auto& cell : header) out += "<th scope=\"col\">" + cell + "</th>";
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const auto& cell : row) out += "<td>" + cell + "</td>";
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string chip(std::string_view kind, std::string_view text) {
  return fmt::format("<span class=\"chip {}\">{}</span>", kind, e(text));
}
std::string status_chip(const FitResult& fit) { return chip(fit.converged() ? "good" : "bad", status_text(fit)); }

std::string value_cell(double value, const Interval* interval) {
  std::string out = number_text(value);
  if (interval != nullptr) {
    out += fmt::format("<span class=\"ci\">[{}, {}]</span>", number_text(interval->low), number_text(interval->high));
  }
  return out;
}

std::string count_cell(double value, const Interval* interval) {
  std::string out = short_count(value);
  if (interval != nullptr) {
    out += fmt::format("<span class=\"ci\">[{}, {}]</span>", short_count(interval->low), short_count(interval->high));
  }
  return out;
}

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
    std::vector<std::string> row = {e(name), constant_cell(p, name), "–"};
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
  return fmt::format("<h3>Fitted law: <code>{}</code></h3>\n", e(law_form(p.law).formula)) +
         table("", {"", e(method_text(p)), e(method_text(i)), "hoffmann2022", "besiroglu2024"}, rows) + note;
}

std::string exponent_answer(const FitResult& fit) {
  std::string value = chip("bad", status_text(fit));
  const auto a = fit.derived.find("a");
  const auto b = fit.derived.find("b");
  if (a != fit.derived.end() && b != fit.derived.end() && std::isfinite(a->second)) {
    value = fmt::format("N* ∝ C<sup>{:.3f}</sup>, D* ∝ C<sup>{:.3f}</sup>", a->second, b->second);
    const Interval* interval = find_interval(fit.bootstrap.derived_ci95, "a");
    value += fmt::format("</div><div class=\"note\">{}{}",
                         interval != nullptr
                             ? fmt::format("95 % interval of a: [{:.3f}, {:.3f}] · ", interval->low, interval->high)
                             : std::string(),
                         status_chip(fit));
  }
  return fmt::format("<div class=\"answer\"><div class=\"label\">{}</div><div class=\"value\">{}</div></div>\n",
                     e(method_text(fit)), value);
}

std::string best_answer(const Analysis& analysis) {
  const auto& points = analysis.selection.observations;
  if (points.empty()) return "";
  const Observation& best = *std::ranges::min_element(points, {}, &Observation::loss_nats);
  return fmt::format(
      "<div class=\"answer\"><div class=\"label\">lowest loss</div><div class=\"value\">{:.4f} nats/token</div>"
      "<div class=\"note\">{} · N {} · D {} · C {}</div></div>\n",
      best.loss_nats, e(best.shape), short_count(best.params), short_count(best.tokens), power_text(best.flops));
}

std::string allocation_table(const Analysis& analysis) {
  if (analysis.allocations.empty()) return "<p>No allocation: see the note at the top of the page.</p>\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& a : analysis.allocations) {
    rows.push_back({power_text(a.flops), count_cell(a.params, find_interval(a.ci95, "params")),
                    count_cell(a.tokens, find_interval(a.ci95, "tokens")),
                    value_cell(a.tokens_per_param, find_interval(a.ci95, "tokens_per_param")),
                    value_cell(a.loss_nats, find_interval(a.ci95, "loss")),
                    a.extrapolation_factor > 0 ? fmt::format("{}×", number_text(a.extrapolation_factor)) : "–",
                    a.shape_params > 0 ? fmt::format("{} ({})", e(shape_name(a.shape)),
                                                     short_count(static_cast<double>(a.shape_params)))
                                       : "–"});
  }
  return "<h3>Compute-optimal models</h3>\n" + table("",
                                                     {"C (FLOPs)", "N* (params)", "D* (tokens)", "tokens / param",
                                                      "loss (nats)", "C / largest measured", "nearest shape"},
                                                     rows);
}

std::string verdict_chip(const ExponentComparison& x) {
  const std::string text = verdict_text(x);
  if (x.verdict == Verdict::equivalent) return chip("good", text);
  if (x.verdict == Verdict::not_converged || (x.verdict == Verdict::different && !x.within_margin))
    return chip("bad", text);
  return chip("open", text);
}

std::string sweep_words(SweepStatus status) {
  switch (status) {
    case SweepStatus::interior:
      return "best rate bracketed";
    case SweepStatus::edge_low:
      return "best rate is the lowest tried";
    case SweepStatus::edge_high:
      return "best rate is the highest tried";
    case SweepStatus::single:
      return "one rate only";
    case SweepStatus::not_convex:
      return "no clear optimum";
  }
  return "";
}

std::string branch_chip(BranchStatus status) {
  switch (status) {
    case BranchStatus::within_noise:
      return chip("good", "within seed noise");
    case BranchStatus::differs:
      return chip("bad", "differs");
    case BranchStatus::noise_unknown:
      return chip("open", "seed noise unknown");
    case BranchStatus::diverged:
      return chip("open", "diverged");
  }
  return "";
}

std::string branching_table(const BranchingCheck& check) {
  if (check.points.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const BranchingPoint& p : check.points) {
    if (rows.size() >= kMaxRows) break;
    const bool both = p.status != BranchStatus::diverged;
    rows.push_back({e(p.shape), short_count(p.tokens), number_text(p.lr),
                    both ? fmt::format("{:.4f}", mean(p.branch_nats)) : "–",
                    both ? fmt::format("{:.4f}", mean(p.scratch_nats)) : "–",
                    both ? fmt::format("{:+.4f}", p.difference_nats) : "–",
                    p.allowed_nats > 0 ? fmt::format("± {:.4f}", p.allowed_nats) : "–", branch_chip(p.status)});
  }
  return "<h3>Branching check: branches of a trunk against runs from scratch</h3>\n" +
         table("", {"shape", "D (tokens)", "lr", "branch (nats)", "from scratch", "difference", "allowed", "verdict"},
               rows);
}

std::string difference_cell(const ExponentComparison& c) {
  return fmt::format("{:+.3f}<span class=\"ci\">[{:+.3f}, {:+.3f}]</span>", c.difference, c.difference_ci95.low,
                     c.difference_ci95.high);
}

}  // namespace

std::string headline_section(const Analysis& analysis) {
  return "<div class=\"answers\">\n" + exponent_answer(analysis.parametric) + exponent_answer(analysis.isoflop) +
         best_answer(analysis) + "</div>\n" + allocation_table(analysis) + fit_table(analysis);
}

std::string comparison_section(const Analysis& analysis) {
  if (!analysis.comparison) return "<h3>Measured against simulated exponents</h3>\n<p>No comparison was made.</p>\n";
  const Comparison& c = *analysis.comparison;
  std::vector<std::vector<std::string>> rows;
  for (const auto& x : c.exponents) {
    if (x.verdict == Verdict::not_converged) {
      rows.push_back({e(x.name), "–", "–", "–", "–", verdict_chip(x)});
    } else {
      rows.push_back({e(x.name), value_cell(x.first, &x.first_ci95), value_cell(x.second, &x.second_ci95),
                      difference_cell(x), number_text(x.detectable), verdict_chip(x)});
    }
  }
  std::string notes;
  for (const auto& note : c.notes) notes += "<p class=\"caption\">" + html_prose(note) + "</p>\n";
  return "<h3>Measured against simulated exponents</h3>\n" +
         fmt::format(
             "<p>The same estimator on both sides: this study's points, and {} simulated studies of <code>{}</code> at "
             "the same N and D, with noise of {:.2f} % of the loss. Different: the 95 % interval of the difference "
             "excludes 0. Equivalent: it does not, and the 90 % interval lies within the margin, {}. Detectable: the "
             "smallest difference that this design finds in 80 % of studies.</p>\n",
             c.studies, e(c.second), 100 * c.noise, e(describe(c.margin))) +
         table("", {"exponent", e(c.first), "simulated " + e(c.second), "difference", "detectable", "verdict"}, rows) +
         notes;
}

std::string conventions_section(const Analysis& analysis) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& f : analysis.conventions) {
    std::vector<std::string> row = {e(convention_text(f.convention)), status_chip(f.parametric)};
    for (const std::size_t k : law_form(f.parametric.law).of_role(Role::exponent)) {
      row.push_back(constant_cell(f.parametric, law_form(f.parametric.law).parameters[k]));
    }
    row.push_back(derived_cell(f.parametric, "a"));
    row.push_back(status_chip(f.isoflop));
    row.push_back(derived_cell(f.isoflop, "a"));
    rows.push_back(std::move(row));
  }
  if (rows.empty()) return "<p>No fits.</p>\n";
  std::vector<std::string> header = {"convention", "approach 3"};
  const LawForm& form = law_form(analysis.parametric.law);
  for (const std::size_t k : form.of_role(Role::exponent)) header.push_back(e(form.parameters[k]));
  header.insert(header.end(), {"a", "approach 2", "a"});
  return "<p>What counts as a parameter and as a FLOP changes the exponents of the same runs, most of all at this "
         "scale. "
         "Total: every trained scalar. Non-embedding: without token and output matrices (Kaplan et al. 2020). "
         "Effective: "
         "non-embedding and the output matrix. Exact C: the matrix products of the real graph. Approach 2 keeps each "
         "point in "
         "the budget it was planned for.</p>\n" +
         table("", header, rows);
}

std::string sweeps_section(const Analysis& analysis) {
  const auto& sweeps = analysis.selection.sweeps;
  std::map<SweepStatus, int> counts;
  std::vector<std::vector<std::string>> rows;
  for (const auto& s : sweeps) {
    ++counts[s.status];
    if (rows.size() >= kMaxRows) continue;
    const auto law = std::ranges::find_if(
        analysis.lr_law.points, [&](const LrLaw::Point& p) { return p.shape == s.shape && p.tokens == s.tokens; });
    const bool drawn = analysis.lr_law.fitted() && law != analysis.lr_law.points.end();
    rows.push_back(
        {e(s.shape), short_count(s.tokens), number_text(s.best_lr),
         s.ln_lr_stderr ? fmt::format("± {:.0f} %", 100 * *s.ln_lr_stderr) : "–",
         drawn ? number_text(law->law_lr) : "–",
         drawn ? fmt::format("{:+.0f} %{}", 100 * std::expm1(law->ln_residual), law->fitted ? "" : ", held out") : "–",
         chip(s.status == SweepStatus::interior ? "good" : "bad", sweep_words(s.status))});
  }
  std::string list;
  for (const auto& [status, count] : counts) {
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", e(sweep_words(status)), count);
  }
  std::string out = fmt::format("<p>{} sweeps: {}.</p>\n", sweeps.size(), list);
  std::string lines = learning_rates_text(analysis);
  for (std::size_t at = 0, end = 0; (end = lines.find('\n', at)) != std::string::npos; at = end + 1) {
    out += "<p>" + html_prose(lines.substr(at, end - at)) + "</p>\n";
  }
  if (!analysis.added_rates.empty()) {
    out += "<p>Rates beyond the planned ones were run at:</p>\n<ul>\n";
    for (const auto& line : analysis.added_rates) out += "<li>" + html_prose(line) + "</li>\n";
    out += "</ul>\n";
  }
  if (rows.empty()) return out;
  return out + "<h3>Best learning rate of each point</h3>\n" +
         table("", {"shape", "D (tokens)", "best lr", "standard error over seeds", "law", "off the law", "status"},
               rows) +
         branching_table(analysis.selection.branching);
}

std::string excluded_section(const Analysis& analysis) {
  std::map<RunStatus, int> outcomes;
  for (const auto& r : analysis.records) ++outcomes[r.outcome.status];
  std::string out = "<p>Of " + std::to_string(analysis.records.size()) + " runs ";
  std::string list;
  for (const auto& [status, count] : outcomes) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, status);
  out += list + fmt::format("; {} tuned points entered the fits.</p>\n", analysis.selection.observations.size());
  std::vector<std::vector<std::string>> rows;
  for (const auto& x : analysis.selection.excluded) {
    if (rows.size() < kMaxRows) rows.push_back({"<code>" + e(x.run) + "</code>", html_prose(x.reason)});
  }
  for (const auto& b : analysis.isoflop.isoflop().budgets) {
    if (b.status != BudgetStatus::interior) {
      rows.push_back({"budget C = " + power_text(b.flops),
                      (has_minimum(b) ? "approach 2, some runs left out: " : "no minimum for approach 2: ") +
                          html_prose(budget_status_text(b.status))});
    }
  }
  if (analysis.parametric.dropped > 0) {
    rows.push_back(
        {counted(analysis.parametric.dropped, "highest loss", "highest losses"), "left out of the fits as asked"});
  }
  if (rows.empty()) return out + "<p>Nothing else was left out.</p>\n";
  if (analysis.selection.excluded.size() > kMaxRows) {
    out += fmt::format("<p>The first {} of {} exclusions:</p>\n", kMaxRows, analysis.selection.excluded.size());
  }
  return out + table("text", {"what", "why"}, rows);
}

std::string provenance_section(const Analysis& analysis) {
  std::set<std::string> devices, versions, corpora, hosts;
  double flops = 0, tokens = 0;
  std::string first, last;
  for (const auto& r : analysis.records) {
    if (!r.context.device.empty()) devices.insert(r.context.device);
    if (!r.context.host.empty()) hosts.insert(r.context.host);
    versions.insert(fmt::format("{}{}{}", r.context.version, r.context.git.empty() ? "" : " ", r.context.git));
    if (!r.spec.data.corpus_sha256.empty()) corpora.insert(r.spec.data.corpus_sha256.substr(0, 16));
    flops += r.flops.exact;
    tokens += static_cast<double>(r.tokens);
    if (!r.context.started.empty() && (first.empty() || r.context.started < first)) first = r.context.started;
    last = std::max(last, r.context.finished);
  }
  const auto join = [](const std::set<std::string>& items) {
    std::string out;
    for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
    return out.empty() ? std::string("–") : e(out);
  };
  return table("text", {"", ""},
               {{"records", e(source_text(analysis.records))},
                {"device", join(devices)},
                {"machine", join(hosts)},
                {"scalelaw", join(versions)},
                {"corpus (first digits of its SHA-256)", join(corpora)},
                {"tokens, all runs", short_count(tokens)},
                {"compute, all runs (exact)", power_text(flops) + " FLOPs"},
                {"first start, last end (UTC)", e(first.empty() ? "–" : first + ", " + last)},
                {"objective", fmt::format("{}, delta {}",
                                          analysis.parametric.parametric().objective.kind == ObjectiveKind::log_huber
                                              ? "Huber of ln loss"
                                          : analysis.parametric.parametric().objective.kind == ObjectiveKind::log_mse
                                              ? "squares of ln loss"
                                              : "squares of loss",
                                          number_text(analysis.parametric.parametric().objective.delta))},
                {"seed of the bootstrap", std::to_string(analysis.options.seed)}}) +
         "<footer>Everything here is rebuilt from <code>runs/</code> by <code>scalelaw report STUDY</code>. The "
         "numbers are in "
         "<code>records.csv</code>, <code>fits/</code>, <code>allocation.json</code> and <code>comparison.json</code> "
         "beside "
         "this file.</footer>\n";
}

}  // namespace scalelaw::inline report
