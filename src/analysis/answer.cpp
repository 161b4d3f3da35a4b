#include "analysis/answer.hpp"

#include <algorithm>
#include <ctime>
#include <map>
#include <set>

#include "analysis/text.hpp"
#include "core/format.hpp"

namespace scalelaw::inline analysis {
namespace {

std::string law_text(LawKind law) { return fmt::format("{}, L = {}", law_form(law).name, law_form(law).formula); }

/// "this follows from the law outer, L = ..., because the points reject chinchilla, L = ..."
std::string under_which_law(const Analysis& analysis) {
  std::string law = fmt::format("this follows from the law {}", law_text(analysis.parametric.law));
  if (const NestedTest* test = rejected_law(analysis)) {
    return fmt::format("{}, because the points reject {}", law, law_text(test->simple));
  }
  if (!analysis.choice) return law + ", the only one fitted";
  if (analysis.choice->tests.empty()) return law;
  return fmt::format("{}, which the points do not reject", law);
}

/// Seconds since 1970 of "2026-01-31T12:00:00Z"; none for other text.
std::optional<double> seconds_of(const std::string& utc) {
  std::tm time{};
  const char* end = strptime(utc.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return static_cast<double>(timegm(&time));
}

/// From the first start to the last end of the runs; none where the records do not say.
std::optional<double> elapsed_seconds(const std::vector<RunRecord>& records) {
  std::string first, last;
  for (const RunRecord& r : records) {
    if (!r.context.started.empty() && (first.empty() || r.context.started < first)) first = r.context.started;
    last = std::max(last, r.context.finished);
  }
  const auto begin = seconds_of(first), end = seconds_of(last);
  if (!begin || !end) return std::nullopt;
  return *end - *begin;
}

}  // namespace

const Allocation* headline_allocation(const Analysis& analysis) {
  return analysis.allocations.empty() ? nullptr : &analysis.allocations.front();
}

const NestedTest* rejected_law(const Analysis& analysis) {
  if (!analysis.choice) return nullptr;
  const auto& tests = analysis.choice->tests;
  const auto test = std::ranges::find_if(tests, [](const NestedTest& t) { return t.rejected(); });
  return test == tests.end() ? nullptr : &*test;
}

std::string reason_sentence(const LawChoice& choice) {
  const bool named = choice.reason.starts_with(law_form(choice.answer().law).name);
  return fmt::format("{}{}.", named ? "The law " : "", choice.reason);
}

std::string p_text(const NestedTest& test) {
  const double resolution = 1 / static_cast<double>(test.draws + 1);
  return test.p < 1.5 * resolution ? fmt::format("p < {:.2g}", 1.5 * resolution) : fmt::format("p = {:.2g}", test.p);
}

std::string answer_sentence(const Analysis& analysis) {
  const FitResult& fit = analysis.parametric;
  const Allocation* a = headline_allocation(analysis);
  if (a == nullptr && !fit.answers()) {
    return fmt::format("There is no answer: the fit of {} is {}{}{}.", law_form(fit.law).name, status_text(fit),
                       fit.message.empty() ? "" : "; ", fit.message);
  }
  if (a == nullptr) {
    return fmt::format("There is no answer: no budget could be allocated under the law {}.", law_text(fit.law));
  }
  const auto interval = [&](const char* name) { return find_interval(a->ci95, name); };
  return fmt::format(
      "To spend {} FLOPs best, train a model of N* = {} parameters on D* = {} tokens; its loss should be L* = {} nats "
      "per token{}; {}.",
      power_text(a->flops), count_interval_text(a->params, interval("params")),
      count_interval_text(a->tokens, interval("tokens")), interval_text(a->loss_nats, interval("loss")),
      a->ci95.empty() ? "" : " (in brackets, 95 % intervals)", under_which_law(analysis));
}

std::string forecast_sentence(const Analysis& analysis) {
  const Holdout& held = analysis.parametric.holdout;
  if (held.n > 0) {
    return fmt::format("Fitted to runs of up to {} FLOPs, {} misses the {} held out by {:.2f} % (mean {:+.2f} %).",
                       power_text(held.above_flops), law_form(analysis.parametric.law).name,
                       counted(held.n, "larger run"), 100 * held.rms_log_error, 100 * held.mean_log_error);
  }
  if (!analysis.choice) return "";
  const HeldOutError& e = analysis.choice->candidates.at(analysis.choice->chosen).largest;
  if (e.n == 0) return "";
  return fmt::format(
      "Fitted without the largest budget, {} predicts its {} {:.2f} % off (root mean square; mean {:+.2f} %).",
      law_form(analysis.parametric.law).name, counted(e.n, "loss", "losses"), 100 * e.rms, 100 * e.mean);
}

namespace {

/// FLOPs that the runs took: branches of one trunk share it up to their cooldowns.
double flops_trained(const std::vector<RunRecord>& records) {
  double flops = 0;
  std::map<std::string, double> trunks;  // the longest branch's part of each
  for (const RunRecord& r : records) {
    const double cooldown = r.trunk.empty() ? 1 : r.spec.schedule.cooldown_fraction;
    flops += cooldown * r.flops.exact;
    if (r.trunk.empty()) continue;
    double& trunk = trunks[r.trunk];
    trunk = std::max(trunk, (1 - cooldown) * r.flops.exact);
  }
  for (const auto& [id, trunk] : trunks) flops += trunk;
  return flops;
}

}  // namespace

std::string cost_sentence(const Analysis& analysis) {
  if (analysis.records.empty()) {
    double flops = 0;
    for (const Observation& p : analysis.selection.observations) flops += p.flops;
    return fmt::format("{} of {}, which took {} FLOPs if each was a run of its own; the file does not say how long.",
                       counted(std::ssize(analysis.selection.observations), "point"),
                       analysis.table.empty() ? "no file" : analysis.table, power_text(flops));
  }
  std::set<std::string> devices;
  for (const RunRecord& r : analysis.records) {
    if (!r.context.device.empty()) devices.insert(r.context.device);
  }
  std::string text = fmt::format("{} with {} FLOPs in all", counted(std::ssize(analysis.records), "run"),
                                 power_text(flops_trained(analysis.records)));
  if (const auto seconds = elapsed_seconds(analysis.records)) {
    text += fmt::format(", {} from the first start to the last end", short_duration(*seconds));
  }
  if (devices.size() == 1) text += " on " + *devices.begin();
  return text + ".";
}

std::vector<std::string> form_tests(const Analysis& analysis) {
  std::vector<std::string> out;
  if (analysis.choice) {
    for (const NestedTest& t : analysis.choice->tests) {
      out.push_back(fmt::format(
          "Nested test: freeing {} ({:.3f} instead of the {:g} of {}) improves the fit {} ({}, {} drawn data sets), so "
          "{} is {}.",
          t.constant, t.estimate, t.held, law_form(t.simple).name,
          t.rejected() ? "more than chance does" : "no more than chance does", p_text(t), t.draws,
          law_form(t.simple).name, t.rejected() ? "rejected" : "not rejected"));
    }
  }
  const FitResult& fit = analysis.parametric;
  const std::string name = law_form(fit.law).name;
  if (fit.parametric().goodness.lack_of_fit) {
    const LackOfFit& l = *fit.parametric().goodness.lack_of_fit;
    const bool rejected = l.p < kGoodnessLevel;
    out.push_back(fmt::format(
        "Test of the form: quadratic terms in ln N and ln D take {:.0f} % of the squared residuals of {} (p = {:.2g}), "
        "{}.",
        100 * l.explained, name, l.p,
        rejected ? "more than noise gives them, so the form is rejected"
                 : "no more than noise gives them, so the form is not rejected"));
  }
  if (const std::string text = forecast_sentence(analysis); !text.empty()) out.push_back(text);
  if (analysis.choice) {
    const LawCandidate& c = analysis.choice->candidates.at(analysis.choice->chosen);
    if (c.left_out.n > 0) {
      out.push_back(
          fmt::format("Left-out budgets: each predicted from all others, {} misses by {:.2f} % (mean {:+.2f} "
                      "%); the points that it was fitted to it misses by {:.2f} %.",
                      name, 100 * c.left_out.rms, 100 * c.left_out.mean, 100 * c.rms));
    }
  }
  return out;
}

}  // namespace scalelaw::inline analysis
