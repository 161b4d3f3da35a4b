#include "report/html_runs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "analysis/checklist.hpp"
#include "analysis/sources.hpp"
#include "analysis/summary.hpp"
#include "analysis/text.hpp"
#include "core/build_info.hpp"
#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/valley.hpp"
#include "report/escape.hpp"
#include "report/html_parts.hpp"

namespace scalelaw::inline report {
namespace {

constexpr std::size_t kMaxRows = 200;  // of tables with a row per run

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
      return html_chip("good", "within seed noise");
    case BranchStatus::differs:
      return html_chip("bad", "differs");
    case BranchStatus::noise_unknown:
      return html_chip("open", "seed noise unknown");
    case BranchStatus::diverged:
      return html_chip("open", "diverged");
  }
  return "";
}

std::string branching_table(const BranchingCheck& check) {
  if (check.points.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const BranchingPoint& p : check.points) {
    if (rows.size() >= kMaxRows) break;
    const bool both = p.status != BranchStatus::diverged;
    rows.push_back({html_escape(p.shape), short_count(p.tokens), number_text(p.lr),
                    both ? fmt::format("{:.4f}", mean(p.branch_nats)) : "–",
                    both ? fmt::format("{:.4f}", mean(p.scratch_nats)) : "–",
                    both ? fmt::format("{:+.4f}", p.difference_nats) : "–",
                    p.allowed_nats > 0 ? fmt::format("± {:.4f}", p.allowed_nats) : "–", branch_chip(p.status)});
  }
  return "<h3>Branching check: branches of a trunk against runs from scratch</h3>\n" +
         html_table("",
                    {"shape", "D (tokens)", "lr", "branch (nats)", "from scratch", "difference", "allowed", "verdict"},
                    rows);
}

std::string objective_text(const Analysis& analysis) {
  const Objective& objective = analysis.parametric.parametric().objective;
  return fmt::format("{}, delta {}",
                     objective.kind == ObjectiveKind::log_huber ? "Huber of ln loss"
                     : objective.kind == ObjectiveKind::log_mse ? "squares of ln loss"
                                                                : "squares of loss",
                     number_text(objective.delta));
}

std::string provenance_of_table(const Analysis& analysis) {
  return html_table("text", {"", ""},
                    {{"points", analysis.table.empty() ? "none" : "<code>" + html_escape(analysis.table) + "</code>"},
                     {"analysed by", html_escape("scalelaw " + build_info().version)},
                     {"objective", objective_text(analysis)},
                     {"seed of the bootstrap", std::to_string(analysis.options.seed)}}) +
         "<footer>The numbers are in <code>records.csv</code>, <code>fits/</code> and <code>allocation.json</code> "
         "beside this file.</footer>\n";
}

}  // namespace

std::string sweeps_section(const Analysis& analysis) {
  const auto& sweeps = analysis.selection.sweeps;
  if (sweeps.empty()) return "<p>The points hold no sweep of the learning rate: they are taken as tuned.</p>\n";
  std::map<SweepStatus, int> counts;
  std::vector<std::vector<std::string>> rows;
  for (const auto& s : sweeps) {
    ++counts[s.status];
    if (rows.size() >= kMaxRows) continue;
    const auto law = std::ranges::find_if(
        analysis.lr_law.points, [&](const LrLaw::Point& p) { return p.shape == s.shape && p.tokens == s.tokens; });
    const bool drawn = analysis.lr_law.fitted() && law != analysis.lr_law.points.end();
    rows.push_back(
        {html_escape(s.shape), short_count(s.tokens), number_text(s.best_lr),
         s.ln_lr_stderr ? fmt::format("± {:.0f} %", 100 * *s.ln_lr_stderr) : "–",
         drawn ? number_text(law->law_lr) : "–",
         drawn ? fmt::format("{:+.0f} %{}", 100 * std::expm1(law->ln_residual), law->fitted ? "" : ", held out") : "–",
         html_chip(s.status == SweepStatus::interior ? "good" : "bad", sweep_words(s.status))});
  }
  std::string list;
  for (const auto& [status, count] : counts) {
    list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", html_escape(sweep_words(status)), count);
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
         html_table("", {"shape", "D (tokens)", "best lr", "standard error over seeds", "law", "off the law", "status"},
                    rows) +
         branching_table(analysis.selection.branching);
}

std::string excluded_section(const Analysis& analysis) {
  std::map<RunStatus, int> outcomes;
  for (const auto& r : analysis.records) ++outcomes[r.outcome.status];
  std::string list;
  for (const auto& [status, count] : outcomes) list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, status);
  const std::string points = counted(std::ssize(analysis.selection.observations), "point");
  std::string out = analysis.records.empty() ? fmt::format("<p>{} entered the fits.</p>\n", points)
                                             : fmt::format("<p>Of {} runs {}; {} entered the fits after tuning.</p>\n",
                                                           analysis.records.size(), list, points);
  std::vector<std::vector<std::string>> rows;
  for (const auto& x : analysis.selection.excluded) {
    if (rows.size() < kMaxRows) rows.push_back({"<code>" + html_escape(x.run) + "</code>", html_prose(x.reason)});
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
  return out + html_table("text", {"what", "why"}, rows);
}

std::string notes_section(const Analysis& analysis) {
  return analysis.warnings.empty() ? "<p>There are none.</p>\n" : html_list(analysis.warnings);
}

std::string checklist_section(const Analysis& analysis) {
  std::vector<std::vector<std::string>> rows;
  for (const ChecklistItem& item : checklist(analysis)) {
    rows.push_back({html_escape(item.part), html_escape(item.question), html_prose(item.answer)});
  }
  return "<p>What others need to repeat this study, after the checklist of Li, Kudugunta and Zettlemoyer (2025, arXiv "
         "2502.18969), filled in from the runs.</p>\n" +
         html_table("text", {"part", "question", "answer"}, rows);
}

std::string provenance_section(const Analysis& analysis) {
  if (analysis.records.empty()) return provenance_of_table(analysis);
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
    return out.empty() ? std::string("–") : html_escape(out);
  };
  return html_table("text", {"", ""},
                    {{"records", html_escape(source_text(analysis.records))},
                     {"device", join(devices)},
                     {"machine", join(hosts)},
                     {"scalelaw", join(versions)},
                     {"corpus (first digits of its SHA-256)", join(corpora)},
                     {"tokens, all runs", short_count(tokens)},
                     {"compute, all runs (exact)", power_text(flops) + " FLOPs"},
                     {"first start, last end (UTC)", html_escape(first.empty() ? "–" : first + ", " + last)},
                     {"objective", objective_text(analysis)},
                     {"seed of the bootstrap", std::to_string(analysis.options.seed)}}) +
         "<footer>Everything here is rebuilt from <code>runs/</code> by <code>scalelaw report STUDY</code>. The "
         "numbers are in "
         "<code>records.csv</code>, <code>fits/</code>, <code>allocation.json</code> and <code>comparison.json</code> "
         "beside "
         "this file.</footer>\n";
}

}  // namespace scalelaw::inline report
