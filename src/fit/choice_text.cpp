#include "fit/choice_text.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "fit/fit_json.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline fit {
namespace {

// A law whose window misses the largest budget by more than this many times what it leaves of its own points.
constexpr double kMissesMuch = 2;
constexpr double kBeyond = 10;  // where laws are compared: times the largest compute

std::string percent(double log_ratio) { return fmt::format("{:.2f} %", 100 * log_ratio); }
std::string signed_percent(double log_ratio) { return fmt::format("{:+.2f} %", 100 * log_ratio); }

std::string error_text(const HeldOutError& e) {
  return e.n == 0 ? "–" : fmt::format("{} ({})", percent(e.rms), signed_percent(e.mean));
}

std::optional<Optimum> optimum_of(const FitResult& fit) {
  if (fit.fitted.values.empty() || fit.fitted.form().optimal_params == nullptr) return std::nullopt;
  return compute_optimal(fit.fitted, kBeyond * fit.flops_range.high);
}

std::string offset_text(const FitResult& fit) {
  const std::vector<std::size_t> offset = law_form(fit.law).of_role(Role::offset);
  return offset.empty() || fit.fitted.values.empty() ? "–" : fmt::format("{:#.4g}", fit.fitted.values[offset.front()]);
}

std::string exponent_text(const FitResult& fit) {
  const auto a = fit.derived.find("a");
  if (a == fit.derived.end()) return "–";
  const auto ci = fit.bootstrap.derived_ci95.find("a");
  return ci == fit.bootstrap.derived_ci95.end()
             ? fmt::format("{:.3f}", a->second)
             : fmt::format("{:.3f} [{:.3f}, {:.3f}]", a->second, ci->second.low, ci->second.high);
}

std::string verdict_of(const LawChoice& choice, std::size_t i) {
  const LawKind law = choice.candidates[i].fit.law;
  if (i == choice.chosen) return "answers";
  for (const NestedTest& test : choice.tests) {
    if (test.simple == law && test.rejected()) return "rejected";
    if (test.wide == law && !test.rejected()) return "not needed";
  }
  return "beside it";
}

Json error_json(const HeldOutError& e) { return {{"n", e.n}, {"rms_log_error", e.rms}, {"mean_log_error", e.mean}}; }

}  // namespace

std::vector<std::string> choice_cautions(const LawChoice& choice) {
  std::vector<std::string> out;
  const LawCandidate& answer = choice.candidates.at(choice.chosen);
  const double sd = answer.rms * std::sqrt(static_cast<double>(answer.fit.n) /
                                           std::max(1.0, static_cast<double>(answer.fit.n - answer.parameters)));
  if (answer.largest.n > 0 && answer.largest.rms > kMissesMuch * sd) {
    std::string line = fmt::format(
        "fitted to the smaller budgets, {} misses the largest by {} of ln loss (mean {}), {:.1f} times what it leaves "
        "of "
        "its own points",
        law_form(answer.fit.law).name, percent(answer.largest.rms), signed_percent(answer.largest.mean),
        answer.largest.rms / sd);
    if (answer.fit.noise) {
      line += fmt::format(" and {:.1f} times what seeds differ by", answer.largest.rms / answer.fit.noise->sd);
    }
    out.push_back(line + "; predictions beyond the largest budget may miss by more");
  }
  const auto own = optimum_of(answer.fit);
  std::string others;
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const FitResult& fit = choice.candidates[i].fit;
    if (i == choice.chosen || !fit.answers()) continue;
    const auto there = optimum_of(fit);
    if (!own || !there) continue;
    others += fmt::format("{}{:#.4g} with N* {} under {}{}", others.empty() ? "" : ", ", there->loss_nats,
                          short_count(there->scale.params), law_form(fit.law).name,
                          verdict_of(choice, i) == "rejected" ? " (rejected)" : "");
  }
  if (!others.empty()) {
    out.push_back(fmt::format(
        "how much the answer rests on the law: at {} FLOPs, {:g} times the largest compute, the least loss is "
        "{:#.4g} with N* {} under {}, {}",
        power_text(own->flops), kBeyond, own->loss_nats, short_count(own->scale.params), law_form(answer.fit.law).name,
        others));
  }
  return out;
}

std::vector<std::vector<std::string>> choice_rows(const LawChoice& choice) {
  double aic = INFINITY, bic = INFINITY;
  for (const LawCandidate& c : choice.candidates) {
    if (c.parameters == 0) continue;
    aic = std::min(aic, c.aic);
    bic = std::min(bic, c.bic);
  }
  std::vector<std::vector<std::string>> rows = {
      {"law", "constants", "rms", "AIC", "BIC", "next budget", "left-out budget", "E", "a", "loss at 10 C", ""}};
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const LawCandidate& c = choice.candidates[i];
    if (c.parameters == 0) {
      rows.push_back({law_form(c.fit.law).name, "–", "–", "–", "–", "–", "–", "–", "–", "–",
                      std::string(name_of(c.fit.convergence.status))});
      continue;
    }
    const auto best = optimum_of(c.fit);
    rows.push_back({law_form(c.fit.law).name, std::to_string(c.parameters), percent(c.rms),
                    fmt::format("{:+.1f}", c.aic - aic), fmt::format("{:+.1f}", c.bic - bic), error_text(c.windows),
                    error_text(c.left_out), offset_text(c.fit), exponent_text(c.fit),
                    best ? fmt::format("{:#.4g}", best->loss_nats) : "–", verdict_of(choice, i)});
  }
  return rows;
}

std::string describe(const LawChoice& choice) {
  std::vector<std::vector<std::string>> rows = choice_rows(choice);
  const std::vector<std::string> header = rows.front();
  rows.erase(rows.begin());
  std::string text = "choice of law\n" + text_table(header, rows);
  text +=
      "rms: of ln loss; AIC, BIC: above the least; next budget: each predicted from those below it, rms (mean); "
      "left-out budget: from all others; 10 C: ten times the largest compute\n";
  text += choice.reason + "\n";
  for (const std::string& line : choice_cautions(choice)) text += "caution: " + line + "\n";
  return text;
}

Json to_json(const LawChoice& choice) {
  Json candidates = Json::array(), tests = Json::array();
  for (std::size_t i = 0; i < choice.candidates.size(); ++i) {
    const LawCandidate& c = choice.candidates[i];
    Json item = {{"law", law_form(c.fit.law).name},
                 {"status", name_of(c.fit.convergence.status)},
                 {"parameters", c.parameters},
                 {"verdict", verdict_of(choice, i)}};
    if (c.parameters > 0) {
      item.update({{"rms", c.rms},
                   {"aic", finite_or_null(c.aic)},
                   {"bic", finite_or_null(c.bic)},
                   {"next_budget", error_json(c.windows)},
                   {"largest_budget", error_json(c.largest)},
                   {"left_out_budget", error_json(c.left_out)}});
      const Json fit = to_json(c.fit);
      for (const char* key : {"objective", "params", "derived"}) item[key] = fit.at(key);
      if (const auto ci = c.fit.bootstrap.derived_ci95.find("a"); ci != c.fit.bootstrap.derived_ci95.end())
        item["a_ci95"] = interval_json(ci->second);
      if (const auto best = optimum_of(c.fit)) {
        item["optimum"] = {{"flops", best->flops},
                           {"params", best->scale.params},
                           {"tokens", best->scale.tokens},
                           {"loss", best->loss_nats}};
      }
    }
    candidates.push_back(item);
  }
  for (const NestedTest& t : choice.tests) {
    tests.push_back({{"simple", law_form(t.simple).name},
                     {"wide", law_form(t.wide).name},
                     {"constant", t.constant},
                     {"held", t.held},
                     {"estimate", t.estimate},
                     {"statistic", t.statistic},
                     {"draws", t.draws},
                     {"p", t.p},
                     {"level", kChoiceLevel},
                     {"rejected", t.rejected()},
                     {"noise", t.noise}});
  }
  return {{"law", law_form(choice.answer().law).name},
          {"reason", choice.reason},
          {"candidates", candidates},
          {"tests", tests},
          {"cautions", choice_cautions(choice)}};
}

}  // namespace scalelaw::inline fit
