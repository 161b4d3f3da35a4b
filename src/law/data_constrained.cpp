// E + A/N'^alpha + B/D'^beta, where tokens read again and parameters beyond what the data can feed count for less and
// less: Muennighoff et al. 2023, arXiv 2305.16264, eqs. 5 and 7.
#include <algorithm>
#include <cmath>

#include "law/form.hpp"
#include "law/papers.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law::data_constrained_law {
namespace {

struct DataConstrained {
  double E, A, B, alpha, beta, r_d, r_n;
};
constexpr std::size_t kE = 0, kA = 1, kB = 2, kAlpha = 3, kBeta = 4, kRD = 5, kRN = 6;

DataConstrained named(LawValues v) {
  return {.E = v[kE], .A = v[kA], .B = v[kB], .alpha = v[kAlpha], .beta = v[kBeta], .r_d = v[kRD], .r_n = v[kRN]};
}

// Of a quantity used (1 + repeats) times over `unique` units, the amount that still counts is
// unique (1 + R (1 - exp(-repeats / R))).
struct Effective {
  double amount = 0;
  double d_unique = 0;  // at a fixed total
  double d_decay = 0;   // with respect to R
};

Effective effective(double total, double unique, double decay) {
  const double repeats = total / unique - 1;
  const double left = std::exp(-repeats / decay);
  return {.amount = unique * (1 - decay * std::expm1(-repeats / decay)),
          .d_unique = 1 - decay * std::expm1(-repeats / decay) - left * total / unique,
          .d_decay = unique * (1 - left - repeats / decay * left)};
}

// The parameters that the unique tokens can feed are those of the compute-optimal model trained on them once:
// ln N = (ln(alpha A / (beta B)) + beta ln U) / alpha.
double log_fed(const DataConstrained& c, double unique) {
  return (std::log(c.alpha * c.A / (c.beta * c.B)) + c.beta * std::log(unique)) / c.alpha;
}

// As the law chinchilla in N' and D'; on top of it R_D moves D' and R_N moves N'. Where the model is larger than the
// data can feed, N' also moves with the unique parameters U_N = exp(log_fed), and those with A, B, alpha and beta:
// d ln U_N = dA/(alpha A) - dB/(alpha B) + (1/alpha - ln U_N) dalpha/alpha + (ln U - 1/beta) dbeta/alpha.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const DataConstrained c = named(v);
  const double unique = unique_tokens_read(p), fed = std::exp(log_fed(c, unique)),
               unique_params = std::min(fed, p.params);
  const Effective tokens = effective(p.tokens, unique, c.r_d), params = effective(p.params, unique_params, c.r_n);
  const double n = std::pow(params.amount, -c.alpha), d = std::pow(tokens.amount, -c.beta);
  if (!gradient.empty()) {
    const double d_params = -c.alpha * c.A * n / params.amount;  // with respect to N'
    const double d_tokens = -c.beta * c.B * d / tokens.amount;
    gradient[kE] = 1;
    gradient[kA] = n;
    gradient[kB] = d;
    gradient[kAlpha] = -c.A * n * std::log(params.amount);
    gradient[kBeta] = -c.B * d * std::log(tokens.amount);
    gradient[kRD] = d_tokens * tokens.d_decay;
    gradient[kRN] = d_params * params.d_decay;
    if (fed < p.params) {
      const double d_log_fed = d_params * params.d_unique * unique_params, log_unique = std::log(unique);
      gradient[kA] += d_log_fed / (c.alpha * c.A);
      gradient[kB] -= d_log_fed / (c.alpha * c.B);
      gradient[kAlpha] +=
          d_log_fed * (1 - std::log(c.alpha * c.A / (c.beta * c.B)) - c.beta * log_unique) / (c.alpha * c.alpha);
      gradient[kBeta] += d_log_fed * (log_unique - 1 / c.beta) / c.alpha;
    }
  }
  return c.E + c.A * n + c.B * d;
}

double effective_tokens(LawValues v, const LawPoint& p) {
  return effective(p.tokens, unique_tokens_read(p), v[kRD]).amount;
}

// Which parameters the data can feed depends on the amplitudes, so the linear problem knows repetition in D alone.
LinearForm linear(LawValues v) {
  return {.terms = {{.constant = kE},
                    {.constant = kA, .exponent = v[kAlpha], .variable = variable_of<Quantity::params>},
                    {.constant = kB, .exponent = v[kBeta], .variable = effective_tokens}}};
}

// Without repetition the law is chinchilla's up to N*, and worse than it beyond; so is its optimum.
double optimal_params(LawValues v, double flops) {
  return law_form(LawKind::chinchilla).optimal_params(v.first(kRD), flops);
}

}  // namespace

LawForm form() {
  return {.formula = "E + A/N'^alpha + B/D'^beta, D' = U (1 + R_D (1 - exp(-(D/U - 1)/R_D))), N' likewise",
          .constants = {offset("E"), amplitude("A", Quantity::params), amplitude("B", Quantity::tokens),
                        exponent("alpha", Quantity::params), exponent("beta", Quantity::tokens),
                        decay("R_D", Quantity::tokens), decay("R_N", Quantity::params)},
          .evaluate = evaluate,
          .linear = linear,
          .optimal_params = optimal_params,
          .ratio = ExponentRatio{.numerator = kBeta, .other = kAlpha},
          .published = {{.name = "muennighoff2023",
                         .source = "Muennighoff et al. 2023, arXiv 2305.16264, constants of its published fitting code",
                         .values = {std::exp(0.6254804), std::exp(6.255414), std::exp(7.3049974), 0.3526596, 0.3526596,
                                    15.387756, 5.309743},
                         .convention = {},
                         .range = papers::kMuennighoffRuns}}};
}

}  // namespace scalelaw::inline law::data_constrained_law
