#include "report/tables.hpp"

#include <algorithm>
#include <cmath>

#include "analysis/checklist.hpp"
#include "analysis/text.hpp"
#include "core/format.hpp"
#include "fit/choice_text.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline report {
namespace {

using Row = std::vector<TableCell>;

TableCell words(std::string text) { return {.text = std::move(text)}; }

TableCell number(double value, std::string (*written)(double) = number_text, const Interval* ci = nullptr) {
  if (!std::isfinite(value)) return words("–");
  return {.text = written(value),
          .value = value,
          .ci95 = ci == nullptr ? std::optional<Interval>() : *ci,
          .written = written};
}

std::string percent_text(double x) { return fmt::format("{:.2f} %", 100 * x); }
std::string loss_text(double x) { return fmt::format("{:.4f}", x); }
std::string flops_text(double x) { return power_text(x); }

void add_derived(ReportTable& table, const FitResult& fit, const std::string& law) {
  for (const char* name : {"a", "b"}) {
    const auto found = fit.derived.find(name);
    if (found == fit.derived.end()) continue;
    table.rows.push_back({words(method_text(fit)), words(law), words(name),
                          number(found->second, number_text, find_interval(fit.bootstrap.derived_ci95, name)),
                          words(status_text(fit))});
  }
}

void add_fits(ReportTable& table, const Analysis& analysis) {
  table.title = "Fitted constants";
  table.columns = {
      {"method", "method"}, {"law", "law"}, {"constant", "constant"}, {"value", "value"}, {"status", "status"}};
  const FitResult& fit = analysis.parametric;
  const std::vector<std::string>& names = law_form(fit.law).parameters;
  for (std::size_t k = 0; k < std::min(names.size(), fit.fitted.values.size()); ++k) {
    const auto identified = fit.parametric().identifiability.find(names[k]);
    const bool weak = identified != fit.parametric().identifiability.end() && !identified->second.identified;
    table.rows.push_back({words(method_text(fit)), words(law_form(fit.law).name), words(names[k]),
                          number(fit.fitted.values[k], number_text, find_interval(fit.bootstrap.ci95, names[k])),
                          words(weak ? "not identified by these runs" : status_text(fit))});
  }
  add_derived(table, fit, law_form(fit.law).name);
  add_derived(table, analysis.isoflop, "none");
}

void add_allocation(ReportTable& table, const Analysis& analysis) {
  table.title = "Compute-optimal models";
  table.columns = {{"flops", "C (FLOPs)"},      {"params", "N* (parameters)"},
                   {"tokens", "D* (tokens)"},   {"tokens_per_param", "D*/N*"},
                   {"loss", "L* (nats/token)"}, {"extrapolation_factor", "C / largest measured"}};
  for (const Allocation& a : analysis.allocations) {
    const auto ci = [&](const char* name) { return find_interval(a.ci95, name); };
    table.rows.push_back({number(a.flops, flops_text), number(a.params, short_count, ci("params")),
                          number(a.tokens, short_count, ci("tokens")),
                          number(a.tokens_per_param, number_text, ci("tokens_per_param")),
                          number(a.loss_nats, loss_text, ci("loss")),
                          a.extrapolation_factor > 0 ? number(a.extrapolation_factor) : words("–")});
  }
}

/// The cells of choice_rows for people, with the numbers that they round.
void add_choice(ReportTable& table, const Analysis& analysis) {
  table.title = "Choice of law";
  table.columns = {{"law", "law"},
                   {"parameters", "constants"},
                   {"rms", "rms of ln loss"},
                   {"aic", "AIC above the least"},
                   {"bic", "BIC above the least"},
                   {"next_budget_rms", "next budget, rms (mean)"},
                   {"left_out_budget_rms", "left-out budget, rms (mean)"},
                   {"E", "E"},
                   {"a", "a"},
                   {"loss_at_10_times_flops", "loss at 10 C"},
                   {"verdict", "verdict"}};
  if (!analysis.choice) return;
  const std::vector<std::vector<std::string>> rows = choice_rows(*analysis.choice);
  for (std::size_t i = 0; i < analysis.choice->candidates.size(); ++i) {
    const LawCandidate& c = analysis.choice->candidates[i];
    Row row;
    for (const std::string& text : rows.at(i + 1)) row.push_back(words(text));
    if (c.parameters > 0) {
      row[1].value = static_cast<double>(c.parameters);
      row[2].value = c.rms;
      row[3].value = c.aic;
      row[4].value = c.bic;
      if (c.windows.n > 0) row[5].value = c.windows.rms;
      if (c.left_out.n > 0) row[6].value = c.left_out.rms;
      const std::vector<std::size_t> offset = law_form(c.fit.law).of_role(Role::offset);
      if (!offset.empty()) row[7].value = c.fit.fitted.values[offset.front()];
      if (const auto a = c.fit.derived.find("a"); a != c.fit.derived.end()) {
        row[8] = number(a->second, number_text, find_interval(c.fit.bootstrap.derived_ci95, "a"));
      }
      if (c.fit.fitted.form().optimal_params != nullptr) {
        row[9].value = compute_optimal(c.fit.fitted, 10 * c.fit.flops_range.high).loss_nats;
      }
    }
    table.rows.push_back(std::move(row));
  }
}

void add_points(ReportTable& table, const Analysis& analysis) {
  table.title = "Points fitted";
  table.columns = {{"run", "run"},
                   {"shape", "shape"},
                   {"params", "N"},
                   {"tokens", "D"},
                   {"flops", "C"},
                   {"loss", "loss"},
                   {"loss_stderr", "stderr"},
                   {"fitted_loss", "fitted loss"},
                   {"log_residual", "measured / fitted - 1"}};
  const Law& law = analysis.parametric.fitted;
  for (const Observation& p : analysis.selection.observations) {
    const double fitted = law.values.empty() ? NAN : predict_loss(law, p.scale());
    table.rows.push_back({words(p.run), words(p.shape), number(p.params, short_count), number(p.tokens, short_count),
                          number(p.flops, flops_text), number(p.loss_nats, loss_text),
                          p.loss_stderr ? number(*p.loss_stderr, loss_text) : words("–"), number(fitted, loss_text),
                          number(std::log(p.loss_nats / fitted), percent_text)});
  }
}

void add_checklist(ReportTable& table, const Analysis& analysis) {
  table.title = "Checklist of (Mis)Fitting, arXiv 2502.18969";
  table.columns = {{"part", "part"}, {"question", "question"}, {"answer", "answer"}};
  for (ChecklistItem& item : checklist(analysis)) {
    table.rows.push_back({words(item.part), words(std::move(item.question)), words(std::move(item.answer))});
  }
}

std::string cell_text(const TableCell& cell) {
  if (!cell.ci95) return cell.text;
  const auto end = [&](double x) { return std::isfinite(x) ? cell.written(x) : std::string("no bound"); };
  return fmt::format("{} [{}, {}]", cell.text, end(cell.ci95->low), end(cell.ci95->high));
}

}  // namespace

ReportTable report_table(const Analysis& analysis, TableKind kind) {
  ReportTable table{.kind = kind, .title = "", .columns = {}, .rows = {}};
  switch (kind) {
    case TableKind::fits:
      add_fits(table, analysis);
      break;
    case TableKind::allocation:
      add_allocation(table, analysis);
      break;
    case TableKind::choice:
      add_choice(table, analysis);
      break;
    case TableKind::points:
      add_points(table, analysis);
      break;
    case TableKind::checklist:
      add_checklist(table, analysis);
      break;
  }
  return table;
}

std::vector<std::vector<std::string>> table_cells(const ReportTable& table) {
  std::vector<std::vector<std::string>> rows(1);
  for (const TableColumn& column : table.columns) rows.front().push_back(column.title);
  for (const Row& row : table.rows) {
    rows.emplace_back();
    for (const TableCell& cell : row) rows.back().push_back(cell_text(cell));
  }
  return rows;
}

}  // namespace scalelaw::inline report
