// E + (A/N^alpha + B/D^beta)^k: an outer power about the two terms of chinchilla. k = 1 is chinchilla (Hoffmann et al.
// 2022, arXiv 2203.15556, eq. 2); E = 0 and k = beta, B = Dc, alpha = alphaN/alphaD, A = Nc^alpha is the joint law of
// Kaplan et al. 2020 (arXiv 2001.08361, eq. 1.5) with k = alphaD and beta 1 inside.
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
// d/dalpha = -s' A n ln N, the same in D, and d/dk = s^k ln s.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const Outer c = named(v);
  const double n = std::pow(p.params, -c.alpha), d = std::pow(p.tokens, -c.beta);
  const double sum = c.A * n + c.B * d, power = std::pow(sum, c.k);
  if (!gradient.empty()) {
    const double slope = c.k * power / sum;
    gradient[kE] = 1;
    gradient[kA] = slope * n;
    gradient[kB] = slope * d;
    gradient[kAlpha] = -slope * c.A * n * std::log(p.params);
    gradient[kBeta] = -slope * c.B * d * std::log(p.tokens);
    gradient[kPower] = power * std::log(sum);
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

// At a small k the exponents inside are large: k alpha and k beta are what a single term's loss falls with.
Constant inner_exponent(const char* name, Quantity of) {
  Constant constant = exponent(name, of);
  constant.upper = 100;
  return constant;
}

// Near 0 the law is the larger of its two terms, beyond 10 close to a multiple of their product: no data tell these
// apart from the ends.
Constant outer_exponent() {
  Constant constant = exponent("k", std::nullopt);
  constant.lower = 0.02;
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
