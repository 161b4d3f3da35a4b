#include "law/laws.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/ranges.h>

namespace scalelaw {
namespace {

// Repetition (Muennighoff et al. 2023, arXiv 2305.16264, eq. 5): of a quantity used (1 + repeats) times over `unique`
// units, the amount that still counts is unique (1 + R* (1 - exp(-repeats / R*))).
struct Effective {
  double amount = 0;
  double d_unique = 0;  ///< at a fixed total
  double d_decay = 0;   ///< with respect to R*
};

Effective effective(double total, double unique, double decay) {
  const double repeats = total / unique - 1;
  const double left = std::exp(-repeats / decay);
  return {.amount = unique * (1 - decay * std::expm1(-repeats / decay)),
          .d_unique = 1 - decay * std::expm1(-repeats / decay) - left * total / unique,
          .d_decay = unique * (1 - left - repeats / decay * left)};
}

struct Constrained {
  Effective params, tokens;
  double unique_params = 0;
  bool params_repeat = false;  ///< the model is larger than the unique data can feed
  double unique_tokens = 0;
};

// v holds E, A, B, alpha, beta, R_D, R_N. The parameters that unique tokens can feed are those of the compute-optimal
// model trained on them once: ln N = (ln(alpha A / (beta B)) + beta ln U) / alpha.
Constrained constrained(std::span<const double> v, const LawPoint& p) {
  Constrained c;
  c.unique_tokens = p.unique_tokens > 0 ? std::min(p.unique_tokens, p.tokens) : p.tokens;
  const double fed = std::exp((std::log(v[3] * v[1] / (v[4] * v[2])) + v[4] * std::log(c.unique_tokens)) / v[3]);
  c.params_repeat = fed < p.params;
  c.unique_params = std::min(fed, p.params);
  c.tokens = effective(p.tokens, c.unique_tokens, v[5]);
  c.params = effective(p.params, c.unique_params, v[6]);
  return c;
}

double variable_of(LawKind kind, const LawPoint& p) {
  if (kind == LawKind::power_n) return p.params;
  return kind == LawKind::power_d ? p.tokens : p.flops;
}

const std::array<LawInfo, 9>& infos() {
  static const std::array<LawInfo, 9> all = {{
      {LawKind::chinchilla, "chinchilla", "E + A/N^alpha + B/D^beta", {"E", "A", "B", "alpha", "beta"}},
      {LawKind::kaplan, "kaplan", "[(Nc/N)^(alphaN/alphaD) + Dc/D]^alphaD", {"Nc", "Dc", "alphaN", "alphaD"}},
      {LawKind::power_n, "power-n", "E + (X/N)^alpha", {"X", "alpha", "E"}},
      {LawKind::power_d, "power-d", "E + (X/D)^alpha", {"X", "alpha", "E"}},
      {LawKind::power_c, "power-c", "E + (X/C)^alpha", {"X", "alpha", "E"}},
      {LawKind::kaplan_steps, "kaplan-steps", "(Nc/N)^alphaN + (Sc/Smin)^alphaS", {"Nc", "Sc", "alphaN", "alphaS"}},
      {LawKind::data_constrained,
       "data-constrained",
       "E + A/N'^alpha + B/D'^beta, D' = U (1 + R_D (1 - exp(-(D/U - 1)/R_D))), N' likewise",
       {"E", "A", "B", "alpha", "beta", "R_D", "R_N"}},
      {LawKind::overtraining, "overtraining", "E + (A M^eta + B M^-eta) C^-eta, M = D/N", {"E", "A", "B", "eta"}},
      {LawKind::optimal, "optimal", "N* = coefficient C^exponent", {"coefficient", "exponent"}},
  }};
  return all;
}

void check_values(const Law& law) {
  SCALELAW_CHECK(law.values.size() == law_info(law.kind).parameters.size(), "{} has {} constants, not {}",
                 law_info(law.kind).name, law_info(law.kind).parameters.size(), law.values.size());
}

}  // namespace

LawPoint law_point(const Scale& scale) {
  return {.params = scale.params, .tokens = scale.tokens, .flops = 6 * scale.params * scale.tokens};
}

LawPoint law_point(const Observation& o) {
  return {.params = o.params,
          .tokens = o.tokens,
          .flops = o.flops,
          .unique_tokens = o.unique_tokens.value_or(0),
          .steps = o.steps.value_or(0)};
}

const LawInfo& law_info(LawKind kind) {
  return *std::ranges::find_if(infos(), [&](const LawInfo& info) { return info.kind == kind; });
}

LawKind law_kind(std::string_view name) {
  std::vector<std::string> names;
  for (const auto& info : infos()) {
    if (info.name == name) return info.kind;
    names.push_back(info.name);
  }
  const std::string near = nearest_word(name, names);
  fail_config("unknown law '{}'{}; the laws are {}", name,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

double Law::value(std::string_view parameter) const {
  const auto& names = law_info(kind).parameters;
  const auto it = std::ranges::find(names, parameter);
  SCALELAW_CHECK(it != names.end(), "{} has no constant {}", law_info(kind).name, parameter);
  return values.at(static_cast<std::size_t>(it - names.begin()));
}

double predict_loss(const Law& law, const LawPoint& p) {
  check_values(law);
  const auto& v = law.values;
  switch (law.kind) {
    case LawKind::chinchilla:
      return v[0] + v[1] * std::pow(p.params, -v[3]) + v[2] * std::pow(p.tokens, -v[4]);
    case LawKind::kaplan:
      return std::pow(std::pow(v[0] / p.params, v[2] / v[3]) + v[1] / p.tokens, v[3]);
    case LawKind::power_n:
    case LawKind::power_d:
    case LawKind::power_c:
      return v[2] + std::pow(v[0] / variable_of(law.kind, p), v[1]);
    case LawKind::kaplan_steps:
      if (!(p.steps > 0)) return std::numeric_limits<double>::quiet_NaN();
      return std::pow(v[0] / p.params, v[2]) + std::pow(v[1] / p.steps, v[3]);
    case LawKind::data_constrained: {
      const Constrained c = constrained(v, p);
      return v[0] + v[1] * std::pow(c.params.amount, -v[3]) + v[2] * std::pow(c.tokens.amount, -v[4]);
    }
    case LawKind::overtraining: {
      const double m = std::pow(p.tokens / p.params, v[3]);
      return v[0] + (v[1] * m + v[2] / m) * std::pow(6 * p.params * p.tokens, -v[3]);
    }
    case LawKind::optimal:
      return v[0] * std::pow(p.flops, v[1]);
  }
  SCALELAW_CHECK(false, "unknown kind of law");
}

void loss_gradient(const Law& law, const LawPoint& p, std::span<double> g) {
  check_values(law);
  SCALELAW_CHECK(g.size() == law.values.size(), "gradient has {} places", g.size());
  const auto& v = law.values;
  switch (law.kind) {
    case LawKind::chinchilla:
      g[0] = 1;
      g[1] = std::pow(p.params, -v[3]);
      g[2] = std::pow(p.tokens, -v[4]);
      g[3] = -v[1] * g[1] * std::log(p.params);
      g[4] = -v[2] * g[2] * std::log(p.tokens);
      return;
    case LawKind::kaplan: {
      const double ratio = std::log(v[0] / p.params);
      const double x = std::exp(ratio * v[2] / v[3]);
      const double sum = x + v[1] / p.tokens;
      const double d_sum = v[3] * std::pow(sum, v[3] - 1);
      g[0] = d_sum * x * v[2] / (v[3] * v[0]);
      g[1] = d_sum / p.tokens;
      g[2] = d_sum * x * ratio / v[3];
      g[3] = std::pow(sum, v[3]) * std::log(sum) - d_sum * x * ratio * v[2] / (v[3] * v[3]);
      return;
    }
    case LawKind::power_n:
    case LawKind::power_d:
    case LawKind::power_c: {
      const double ratio = std::log(v[0] / variable_of(law.kind, p));
      const double power = std::exp(v[1] * ratio);
      g[0] = power * v[1] / v[0];
      g[1] = power * ratio;
      g[2] = 1;
      return;
    }
    case LawKind::kaplan_steps: {
      const double n_ratio = std::log(v[0] / p.params), s_ratio = std::log(v[1] / p.steps);
      const double n_term = std::exp(v[2] * n_ratio), s_term = std::exp(v[3] * s_ratio);
      g[0] = n_term * v[2] / v[0];
      g[1] = s_term * v[3] / v[1];
      g[2] = n_term * n_ratio;
      g[3] = s_term * s_ratio;
      return;
    }
    case LawKind::data_constrained: {
      const Constrained c = constrained(v, p);
      const double n_power = std::pow(c.params.amount, -v[3]), d_power = std::pow(c.tokens.amount, -v[4]);
      const double d_params = -v[3] * v[1] * n_power / c.params.amount;  // with respect to N'
      const double d_tokens = -v[4] * v[2] * d_power / c.tokens.amount;
      g[0] = 1;
      g[1] = n_power;
      g[2] = d_power;
      g[3] = -v[1] * n_power * std::log(c.params.amount);
      g[4] = -v[2] * d_power * std::log(c.tokens.amount);
      g[5] = d_tokens * c.tokens.d_decay;
      g[6] = d_params * c.params.d_decay;
      if (c.params_repeat) {  // the parameters that the data can feed move with the constants
        const double d_log_fed = d_params * c.params.d_unique * c.unique_params;
        const double log_unique = std::log(c.unique_tokens);
        g[1] += d_log_fed / (v[3] * v[1]);
        g[2] -= d_log_fed / (v[3] * v[2]);
        g[3] += d_log_fed * (1 - std::log(v[3] * v[1] / (v[4] * v[2])) - v[4] * log_unique) / (v[3] * v[3]);
        g[4] += d_log_fed * (log_unique - 1 / v[4]) / v[3];
      }
      return;
    }
    case LawKind::overtraining: {
      const double log_m = std::log(p.tokens / p.params), log_c = std::log(6 * p.params * p.tokens);
      g[0] = 1;
      g[1] = std::exp(v[3] * (log_m - log_c));
      g[2] = std::exp(-v[3] * (log_m + log_c));
      g[3] = v[1] * g[1] * (log_m - log_c) - v[2] * g[2] * (log_m + log_c);
      return;
    }
    case LawKind::optimal:
      g[0] = std::pow(p.flops, v[1]);
      g[1] = v[0] * g[0] * std::log(p.flops);
      return;
  }
}

}  // namespace scalelaw
