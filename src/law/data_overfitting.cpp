// E + A/N^alpha + B/D^beta + P R^delta (N/U)^kappa, R = D/U - 1: chinchilla's law and a penalty for reading U unique
// tokens R times again, which grows with the model: Lovelace et al. 2026, arXiv 2605.01640. After some epochs the loss
// rises. Bryant and Liu 2026, arXiv 2605.09189, write overfitting as c N^gamma/U^delta, whatever D: their loss falls
// with every further epoch, and their term stays where nothing is repeated.
#include <cmath>
#include <limits>

#include "law/form.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law::data_overfitting_law {
namespace {

constexpr std::size_t kE = 0, kA = 1, kB = 2, kAlpha = 3, kBeta = 4, kP = 5, kDelta = 6, kKappa = 7;

// ln R; minus infinity where nothing is repeated.
double log_repeats(const LawPoint& p) {
  constexpr double kRounding = 1e-12;  // of D from a budget: its power delta would be a penalty
  const double repeats = p.tokens / unique_tokens_read(p) - 1;
  return repeats > kRounding ? std::log(repeats) : -std::numeric_limits<double>::infinity();
}

// R^delta (N/U)^kappa.
double overfitting(LawValues v, const LawPoint& p) {
  return std::exp(v[kDelta] * log_repeats(p) + v[kKappa] * std::log(p.params / unique_tokens_read(p)));
}

// The constants of chinchilla move the loss as they do there; with o = R^delta (N/U)^kappa: d/dP = o,
// d/ddelta = P o ln R, d/dkappa = P o ln(N/U), all 0 where nothing is repeated.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const double plain =
      law_form(LawKind::chinchilla).evaluate(v.first(kP), p, gradient.empty() ? gradient : gradient.first(kP));
  const double o = overfitting(v, p);
  if (!gradient.empty()) {
    gradient[kP] = o;
    gradient[kDelta] = o > 0 ? v[kP] * o * log_repeats(p) : 0;
    gradient[kKappa] = v[kP] * o * std::log(p.params / unique_tokens_read(p));
  }
  return plain + v[kP] * o;
}

LinearForm linear(LawValues v) {
  return {.terms = {{.constant = kE},
                    {.constant = kA, .exponent = v[kAlpha], .variable = variable_of<Quantity::params>},
                    {.constant = kB, .exponent = v[kBeta], .variable = variable_of<Quantity::tokens>},
                    {.constant = kP, .exponent = -1, .variable = overfitting}}};
}

// Without repetition the law is chinchilla's.
double optimal_params(LawValues v, double flops) {
  return law_form(LawKind::chinchilla).optimal_params(v.first(kP), flops);
}
double frontier(LawValues v) { return law_form(LawKind::chinchilla).frontier(v.first(kP)); }

}  // namespace

LawForm form() {
  return {.formula = "E + A/N^alpha + B/D^beta + P R^delta (N/U)^kappa, R = D/U - 1",
          .constants = {offset("E"), amplitude("A", Quantity::params), amplitude("B", Quantity::tokens),
                        exponent("alpha", Quantity::params), exponent("beta", Quantity::tokens),
                        of_repetition(amplitude("P", {})), of_repetition(exponent("delta", {})),
                        of_repetition(exponent("kappa", {}))},
          .evaluate = evaluate,
          .linear = linear,
          .optimal_params = optimal_params,
          .frontier = frontier,
          .ratio = ExponentRatio{.numerator = kBeta, .other = kAlpha}};
}

}  // namespace scalelaw::inline law::data_overfitting_law
