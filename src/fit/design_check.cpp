#include "fit/design_check.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "core/linear_algebra.hpp"
#include "core/stats.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kSame = 0.02;      // in ln of a value: one level
constexpr double kOnLine = 0.1;     // range of ln D about a line
constexpr double kSlope = 0.02;     // about 1 and -1
constexpr double kCondition = 1e6;  // of amplitudes at known exponents
constexpr double kOwnWay = 1.3863;  // ln 4

std::size_t levels(std::vector<double> x) {
  std::ranges::sort(x);
  std::size_t count = 0;
  double first = 0;
  for (const double v : x) {
    if (count > 0 && v - first <= kSame) continue;
    first = v;
    ++count;
  }
  return count;
}

double range(const std::vector<double>& x) {
  const auto [low, high] = std::ranges::minmax(x);
  return high - low;
}

struct Logs {
  std::vector<double> n, d;
};

// ln N and ln of the second variable: D, or the steps.
Logs logs_of(const std::vector<Observation>& points, bool steps = false) {
  Logs out;
  for (const Observation& o : points) {
    if (!(o.weight > 0)) continue;
    out.n.push_back(std::log(o.params));
    out.d.push_back(std::log(steps ? o.steps.value_or(o.tokens) : o.tokens));
  }
  return out;
}

// ln N and ln of the unique tokens that a run has read.
Logs unique_logs(std::vector<Observation> points) {
  for (Observation& o : points) o.tokens = std::min(o.tokens, o.unique_tokens.value_or(o.tokens));
  return logs_of(points);
}

std::vector<double> plus(const std::vector<double>& y, const std::vector<double>& x, double slope) {
  std::vector<double> out(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) out[i] = y[i] + slope * x[i];
  return out;
}

DesignShape shape_of(const Logs& p) {
  using Kind = DesignShape::Kind;
  DesignShape s;
  if (p.n.empty()) return s;
  s.params_levels = levels(p.n);
  s.tokens_levels = levels(p.d);
  if (s.params_levels == 1 || s.tokens_levels == 1) {
    s.kind = s.params_levels > 1 ? Kind::one_tokens : s.tokens_levels > 1 ? Kind::one_params : Kind::point;
    return s;
  }
  double mean_n = 0, mean_d = 0, nn = 0, nd = 0, dd = 0;
  const auto count = static_cast<double>(p.n.size());
  for (std::size_t i = 0; i < p.n.size(); ++i) {
    mean_n += p.n[i] / count;
    mean_d += p.d[i] / count;
  }
  for (std::size_t i = 0; i < p.n.size(); ++i) {
    nn += (p.n[i] - mean_n) * (p.n[i] - mean_n);
    nd += (p.n[i] - mean_n) * (p.d[i] - mean_d);
    dd += (p.d[i] - mean_d) * (p.d[i] - mean_d);
  }
  const double slope = nd == 0 ? 0 : nd > 0 ? std::sqrt(dd / nn) : -std::sqrt(dd / nn);
  // Short designs are judged by their own width, so that a few near values are no line.
  const double enough = std::min(kOnLine, 0.05 * std::min(range(p.n), range(p.d)));
  for (const auto& [kind, fixed_slope] : {std::pair{Kind::ray, 1.0}, {Kind::one_budget, -1.0}, {Kind::line, slope}}) {
    const std::vector<double> off = plus(p.d, p.n, -fixed_slope);
    if (range(off) > enough * std::max(1.0, std::abs(fixed_slope))) continue;
    s.kind = kind;
    s.slope = fixed_slope;
    s.factor = std::exp(median(off));
    return s;
  }
  return s;
}

// The parameters of a law of two variables by the term they belong to; empty for the laws of one.
struct Terms {
  std::vector<std::string> params, second_term;  // amplitude first, then exponent
  std::vector<std::string> shared;               // the exponent of both terms
  std::vector<std::string> outer;                // of their sum, beside their own
  std::string offset;                            // empty: none
  Quantity second = Quantity::tokens;
};

Terms terms_of(const LawForm& form) {
  if (form.only_variable() || form.predicts_size) return {};
  Terms terms;
  if (form.needs(Quantity::steps)) terms.second = Quantity::steps;
  const auto names = [&](const std::vector<std::size_t>& places) {
    std::vector<std::string> out;
    for (const std::size_t k : places) out.push_back(form.parameters[k]);
    return out;
  };
  terms.params = names(form.term_of(Quantity::params));
  terms.second_term = names(form.term_of(terms.second));
  for (const Constant& constant : form.constants) {
    const bool in_the_loss = form.linear != nullptr && !constant.repetition;  // and not within another constant
    if (constant.role == Role::exponent && !constant.of && in_the_loss) {
      (terms.params.size() > 1 ? terms.outer : terms.shared).push_back(constant.name);
    }
    if (constant.role == Role::offset) terms.offset = constant.name;
  }
  return terms;
}

// Runs that would give both variables their own way, from the middle of those there are.
std::string wanted_runs(const Logs& p, const DesignShape& s, const Terms& terms) {
  using Kind = DesignShape::Kind;
  const double n = std::exp(median(p.n)), d = std::exp(median(p.d));
  const std::string second(name_of(terms.second));
  const auto run = [&](double params, double other) {
    return fmt::format("params={} {}={}", short_count(params), second, short_count(other));
  };
  if (s.kind == Kind::one_params || s.kind == Kind::point) {
    return fmt::format("add runs of other sizes, for example {} and {}", run(n / 4, d), run(n * 4, d));
  }
  if (s.kind == Kind::one_tokens) {
    return fmt::format("add runs of other lengths, for example {} and {}", run(n, d / 4), run(n, d * 4));
  }
  if (s.kind == Kind::one_budget) {
    return fmt::format("add runs at other budgets, for example {} and {}", run(n, d / 8), run(n, d * 8));
  }
  if (s.kind == Kind::ray && terms.second == Quantity::tokens) {
    return fmt::format("add runs at a few times more and fewer tokens per parameter, for example {} and {}",
                       run(n, d / 4), run(n, d * 4));
  }
  return fmt::format("add runs off that line, for example {} and {}", run(n, d / 4), run(n, d * 4));
}

std::string where_they_lie(const DesignShape& s, Quantity second_quantity, const Logs& p) {
  const char* second = symbol_of(second_quantity);
  using Kind = DesignShape::Kind;
  switch (s.kind) {
    case Kind::point:
      return fmt::format("every run has N = {} and {} = {}", short_count(std::exp(median(p.n))), second,
                         short_count(std::exp(median(p.d))));
    case Kind::one_params:
      return fmt::format("every run has N = {}", short_count(std::exp(median(p.n))));
    case Kind::one_tokens:
      return fmt::format("every run has {} = {}", second, short_count(std::exp(median(p.d))));
    case Kind::ray:
      return fmt::format("every run has {} = {} N", second, factor_text(s.factor));
    case Kind::one_budget:
      return second_quantity == Quantity::tokens
                 ? fmt::format("every run has the same compute, 6 N D = {} FLOPs", power_text(6 * s.factor))
                 : fmt::format("every run has N {} = {:.3g}", second, s.factor);
    case Kind::line:
      return fmt::format("every run has {} = {:.3g} N^{:.2f}", second, s.factor, s.slope);
    case Kind::plane:
      return fmt::format("the runs have {} values of N and {} of {}", s.params_levels, s.tokens_levels, second);
  }
  return "";
}

// How well amplitudes can be told apart on a line where both exponents are known.
bool amplitudes_apart(const Logs& p, double alpha, double beta, bool offset) {
  Eigen::MatrixXd x(static_cast<Eigen::Index>(p.n.size()), offset ? 3 : 2);
  const double mid_n = median(p.n), mid_d = median(p.d);
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    x(i, 0) = std::exp(-alpha * (p.n[static_cast<std::size_t>(i)] - mid_n));
    x(i, 1) = std::exp(-beta * (p.d[static_cast<std::size_t>(i)] - mid_d));
    if (offset) x(i, 2) = 1;
  }
  for (Eigen::Index k = 0; k < x.cols(); ++k) x.col(k).normalize();
  return squared_condition(x) < kCondition;
}

std::size_t free_among(const std::vector<std::string>& names, const std::map<std::string, double>& fixed) {
  return static_cast<std::size_t>(std::ranges::count_if(names, [&](const auto& n) { return !fixed.contains(n); }));
}

// Rising lines only: where D falls as N rises the terms of N and D are the two sides of a valley.
bool on_a_line_without_a_way(const Logs& p, const DesignShape& s, const LawForm& form, const Terms& terms,
                             const std::map<std::string, double>& fixed) {
  if (!(s.slope > 0)) return false;
  if (free_among(terms.params, fixed) == 0 || free_among(terms.second_term, fixed) == 0) return false;
  const bool offset = !terms.offset.empty() && !fixed.contains(terms.offset);
  // One exponent of N and D alike: off the ray the two terms have different shapes.
  if (!terms.shared.empty()) return s.slope > 0.8 && s.slope < 1.25;
  const auto exponent_held = [&](const std::vector<std::string>& term) { return fixed.contains(term.back()); };
  if (!exponent_held(terms.params) || !exponent_held(terms.second_term) || form.linear == nullptr) return true;
  if (free_among(terms.outer, fixed) > 0) return true;  // bends the curve as the shares of the terms do
  // The exponents of N and of the second variable in the linear problem inside the law.
  std::vector<double> values(form.constants.size(), 1.0);
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (const auto held = fixed.find(form.parameters[k]); held != fixed.end()) values[k] = held->second;
  }
  double of_params = 0, of_second = 0;
  for (const LinearTerm& term : form.linear(values).terms) {
    const std::optional<Quantity>& of = form.constants[term.constant].of;
    if (of == Quantity::params) of_params = term.exponent;
    if (of == terms.second) of_second = term.exponent;
  }
  return !amplitudes_apart(p, of_params, of_second, offset);
}

std::optional<DesignProblem> two_variables(const std::vector<Observation>& points, const LawForm& form,
                                           const std::map<std::string, double>& fixed) {
  const Terms terms = terms_of(form);
  const Logs p = logs_of(points, terms.second == Quantity::steps);
  DesignShape s = shape_of(p);
  // Data read again and again are worth less than their tokens: unique tokens off the line are a way of their own.
  if (form.knows_repetition() && s.slope > 0 && !(shape_of(unique_logs(points)).slope > 0)) s.slope = 0;
  const std::size_t of_params = free_among(terms.params, fixed), of_tokens = free_among(terms.second_term, fixed),
                    offset = !terms.offset.empty() && !fixed.contains(terms.offset) ? 1 : 0,
                    shared = free_among(terms.shared, fixed), outer = free_among(terms.outer, fixed);
  if (on_a_line_without_a_way(p, s, form, terms, fixed)) {
    return DesignProblem{
        fmt::format("{}, so that the effects of N and of {} are one curve and cannot be told apart",
                    where_they_lie(s, terms.second, p), symbol_of(terms.second)),
        fmt::format("{}; or hold the parameters of one of them with fit --fix", wanted_runs(p, s, terms))};
  }
  // Levels count what adds up, a curve in N and one in the second variable; an outer power shows where they do not.
  const bool few_params = of_params + (of_params > 0 ? offset : 0) > s.params_levels,
             few_tokens = of_tokens + (of_tokens > 0 ? offset : 0) > s.tokens_levels,
             few = of_params + of_tokens + offset + shared > s.params_levels + s.tokens_levels - 1;
  if (!few_params && !few_tokens && !few) return std::nullopt;
  using Kind = DesignShape::Kind;
  const bool one = s.kind == Kind::point || s.kind == Kind::one_params || s.kind == Kind::one_tokens;
  std::string runs = wanted_runs(p, s, terms);
  if (!one) {
    DesignShape as = s;
    as.kind = s.params_levels <= s.tokens_levels ? Kind::one_params : Kind::one_tokens;
    runs = wanted_runs(p, as, terms);
  }
  const bool few_lengths = one ? s.kind == Kind::one_tokens : s.params_levels > s.tokens_levels;
  const char* lacking = symbol_of(few_lengths ? terms.second : Quantity::params);
  return DesignProblem{
      fmt::format("{}, {} for the {} parameters that the law {} has to find", where_they_lie(s, terms.second, p),
                  one ? fmt::format("so that nothing shows the effect of {}", lacking) : "too few",
                  of_params + of_tokens + offset + shared + outer, form.name),
      fmt::format("{}; or hold parameters with fit --fix", runs)};
}

std::optional<DesignProblem> repetition(const std::vector<Observation>& points, const LawForm& form,
                                        const std::map<std::string, double>& fixed) {
  std::vector<std::string> shown;
  for (const std::size_t k : form.of_repetition()) shown.push_back(form.parameters[k]);
  if (free_among(shown, fixed) == 0) return std::nullopt;
  const bool repeats =
      std::ranges::any_of(points, [](const Observation& o) { return o.weight > 0 && repeats_data(o); });
  if (repeats) return std::nullopt;
  return DesignProblem{fmt::format("no run repeats its data (tokens > unique_tokens), so that nothing shows {}",
                                   fmt::join(shown, " and ")),
                       "add runs that read their data 2, 4 and 16 times, or use the law chinchilla"};
}

std::optional<DesignProblem> one_variable(const std::vector<Observation>& points, const LawForm& form,
                                          const std::map<std::string, double>& fixed) {
  const Quantity variable = form.only_variable().value_or(Quantity::flops);
  std::vector<double> x;
  for (const Observation& o : points) {
    if (o.weight > 0) x.push_back(std::log(quantity_of(law_point(o), variable)));
  }
  if (x.empty()) return std::nullopt;
  const std::size_t found = levels(x), needed = free_among(form.parameters, fixed);
  if (found >= needed) return std::nullopt;
  const std::string_view column = name_of(variable);
  const double middle = std::exp(median(x));
  return DesignProblem{
      fmt::format("the runs have {} of {}, too few for the {} parameters that the law {} has to find",
                  found == 1 ? "one value" : fmt::format("{} values", found), symbol_of(variable), needed, form.name),
      fmt::format("add runs at {}={} and {}={}, or hold parameters with fit --fix", column, short_count(middle / 4),
                  column, short_count(middle * 4))};
}

}  // namespace

DesignShape design_shape(const std::vector<Observation>& points) { return shape_of(logs_of(points)); }

std::optional<DesignProblem> design_problem(const std::vector<Observation>& points, LawKind law,
                                            const std::map<std::string, double>& fixed) {
  const LawForm& form = law_form(law);
  if (!form.predicts_size && points.size() > 1) {
    const auto [least, most] = std::ranges::minmax(points, {}, &Observation::loss_nats);
    if (least.loss_nats == most.loss_nats) {
      return DesignProblem{
          fmt::format("every loss is {:.6g}, so that nothing shows what it depends on", least.loss_nats),
          "check which column holds the loss (--columns loss=NAME)"};
    }
  }
  if (terms_of(form).params.empty()) return one_variable(points, form, fixed);
  if (form.knows_repetition()) {
    if (auto none = repetition(points, form, fixed)) return none;
  }
  return two_variables(points, form, fixed);
}

std::string one_valley(const std::vector<Observation>& points, LawKind law,
                       const std::map<std::string, double>& fixed) {
  const Terms terms = terms_of(law_form(law));
  if (terms.params.empty() || terms.second != Quantity::tokens) return "";
  const auto held = [&](const std::vector<std::string>& term) { return fixed.contains(term.back()); };
  if (held(terms.params) && held(terms.second_term)) return "";  // the exponents: compute is theirs
  const Logs p = logs_of(points);
  const DesignShape s = shape_of(p);
  if (s.kind != DesignShape::Kind::one_budget && !(s.slope < 0)) return "";
  return fmt::format(
      "{}: nothing shows how the loss falls with compute, so every free parameter rests on the shape of one valley; {}",
      where_they_lie(s, terms.second, p), wanted_runs(p, s, terms));
}

std::string ignored_variable(const std::vector<Observation>& points, LawKind law) {
  const auto variable = law_form(law).only_variable();
  if (variable != Quantity::params && variable != Quantity::tokens) return "";
  const Logs p = logs_of(points);
  const bool by_params = variable == Quantity::params;
  const std::vector<double>&x = by_params ? p.n : p.d, &y = by_params ? p.d : p.n;
  const bool known = std::ranges::all_of(y, [](double v) { return std::isfinite(v); });
  if (x.size() < 2 || !known) return "";
  double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    mean_x += x[i] / static_cast<double>(x.size());
    mean_y += y[i] / static_cast<double>(x.size());
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  const double factor = std::exp(range(plus(y, x, xx > 0 ? -xy / xx : 0)));
  if (factor < std::exp(kOwnWay)) return "";
  return fmt::format(
      "the law {} looks at {} alone, while {} varies on its own by a factor of {:.3g}, whose effect it takes for "
      "noise; the law chinchilla has both",
      law_form(law).name, by_params ? "N" : "D", by_params ? "D" : "N", factor);
}

}  // namespace scalelaw::inline fit
