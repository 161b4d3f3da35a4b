// E + (A/N^alpha + B/D^beta)^k: an outer power about the two terms of chinchilla. k = 1 is chinchilla (Hoffmann et al.
// 2022, arXiv 2203.15556, eq. 2); E = 0 and k = beta, B = Dc, alpha = alphaN/alphaD, A = Nc^alpha is the joint law of
// Kaplan et al. 2020 (arXiv 2001.08361, eq. 1.5) with k = alphaD and beta 1 inside.
#include <algorithm>
#include <cmath>

#include "law/form.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law::outer_law {
namespace {

struct Outer {
  double E, A, B, alpha, beta, k;
};
constexpr std::size_t kE = 0, kA = 1, kB = 2, kAlpha = 3, kBeta = 4, kPower = 5;

Outer named(LawValues v) {
  return {.E = v[kE], .A = v[kA], .B = v[kB], .alpha = v[kAlpha], .beta = v[kBeta], .k = v[kPower]};
}

// loss = E + s^k with s = A n + B d, n = N^-alpha, d = D^-beta. With s' = k s^(k-1) = d loss / d s: d/dA = s' n,
// d/dalpha = -s' A n ln N, the same in D, and d/dk = s^k ln s. All of it from logarithms: at a small k the exponents
// are large, and n, d and s leave the range of doubles where the loss does not.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const Outer c = named(v);
  const double log_params = std::log(p.params), log_tokens = std::log(p.tokens);
  const double log_n = -c.alpha * log_params, log_d = -c.beta * log_tokens;
  const double of_n = std::log(c.A) + log_n, of_d = std::log(c.B) + log_d, most = std::max(of_n, of_d);
  const double log_sum = most + std::log(std::exp(of_n - most) + std::exp(of_d - most));
  const double power = std::exp(c.k * log_sum);
  if (!gradient.empty()) {
    const double slope = c.k * power;  // s' s
    gradient[kE] = 1;
    gradient[kA] = slope * std::exp(log_n - log_sum);
    gradient[kB] = slope * std::exp(log_d - log_sum);
    gradient[kAlpha] = -slope * std::exp(of_n - log_sum) * log_params;
    gradient[kBeta] = -slope * std::exp(of_d - log_sum) * log_tokens;
    gradient[kPower] = power * log_sum;
  }
  return c.E + power;
}

// (loss - E)^(1/k) = A N^-alpha + B D^-beta.
LinearForm linear(LawValues v) {
  return {.power = 1 / v[kPower],
          .subtracted = kE,
          .terms = {{.constant = kA, .exponent = v[kAlpha], .variable = variable_of<Quantity::params>},
                    {.constant = kB, .exponent = v[kBeta], .variable = variable_of<Quantity::tokens>}}};
}

// A power rises with what it is taken of, so the optimum is that of the sum inside: chinchilla's.
double optimal_params(LawValues v, double flops) {
  return law_form(LawKind::chinchilla).optimal_params(v.first(kPower), flops);
}

// Along the optimum the sum inside falls as C^-(alpha beta/(alpha + beta)), and the loss above E as its power.
double frontier(LawValues v) { return v[kPower] * v[kAlpha] * v[kBeta] / (v[kAlpha] + v[kBeta]); }

// At a small k the exponents inside are large: k alpha and k beta are what a single term's loss falls with, up to 5.
Constant inner_exponent(const char* name, Quantity of) {
  Constant constant = exponent(name, of);
  constant.upper = 50;
  return constant;
}

// Near 0 the law is the larger of its two terms, beyond 10 close to a multiple of the root of their product: no data
// tell these apart from the ends.
Constant outer_exponent() {
  Constant constant = exponent("k", std::nullopt);
  constant.lower = 0.1;
  constant.upper = 10;
  return constant;
}

}  // namespace

LawForm form() {
  return {.formula = "E + (A/N^alpha + B/D^beta)^k",
          .constants = {offset("E"), amplitude("A", Quantity::params), amplitude("B", Quantity::tokens),
                        inner_exponent("alpha", Quantity::params), inner_exponent("beta", Quantity::tokens),
                        outer_exponent()},
          .coordinates = Coordinates::outer,
          .evaluate = evaluate,
          .linear = linear,
          .optimal_params = optimal_params,
          .frontier = frontier,
          .ratio = ExponentRatio{.numerator = kBeta, .other = kAlpha},
          .within = Within{.law = LawKind::chinchilla, .constant = kPower, .value = 1}};
}

}  // namespace scalelaw::inline law::outer_law
