// E + (A M^eta + B M^-eta) C^-eta with M = D/N and C = 6 N D: Gadre et al. 2024, arXiv 2403.08540, eq. 4.
// Since M^eta C^-eta = (6 N^2)^-eta and M^-eta C^-eta = (6 D^2)^-eta, it is a law of N and D with one exponent.
#include <cmath>

#include "law/form.hpp"

namespace scalelaw::inline law::overtraining_law {
namespace {

constexpr std::size_t kE = 0, kA = 1, kB = 2, kEta = 3;

// d/deta of A (M/C)^eta is A (M/C)^eta ln(M/C), of B (M C)^-eta it is -B (M C)^-eta ln(M C).
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  if (!gradient.empty()) {
    const double log_m = std::log(p.tokens / p.params), log_c = std::log(6 * p.params * p.tokens);
    gradient[kE] = 1;
    gradient[kA] = std::exp(v[kEta] * (log_m - log_c));
    gradient[kB] = std::exp(-v[kEta] * (log_m + log_c));
    gradient[kEta] = v[kA] * gradient[kA] * (log_m - log_c) - v[kB] * gradient[kB] * (log_m + log_c);
  }
  const double m = std::pow(p.tokens / p.params, v[kEta]);
  return v[kE] + (v[kA] * m + v[kB] / m) * std::pow(6 * p.params * p.tokens, -v[kEta]);
}

double six_n_squared(LawValues, const LawPoint& p) { return 6 * p.params * p.params; }
double six_d_squared(LawValues, const LawPoint& p) { return 6 * p.tokens * p.tokens; }

LinearForm linear(LawValues v) {
  return {.terms = {{.constant = kE},
                    {.constant = kA, .exponent = v[kEta], .variable = six_n_squared},
                    {.constant = kB, .exponent = v[kEta], .variable = six_d_squared}}};
}

// At a fixed C the loss is least where A M^eta = B M^-eta: the same D/N at every budget.
double optimal_params(LawValues v, double flops) {
  return std::sqrt(flops / 6 / std::pow(v[kB] / v[kA], 1 / (2 * v[kEta])));
}

AllocationExponents allocation(LawValues) { return {.a = 0.5, .b = 0.5}; }

}  // namespace

LawForm form() {
  return {.formula = "E + (A M^eta + B M^-eta) C^-eta, M = D/N",
          .constants = {offset("E"), amplitude("A", Quantity::params), amplitude("B", Quantity::tokens),
                        exponent("eta", std::nullopt)},
          .evaluate = evaluate,
          .linear = linear,
          .optimal_params = optimal_params,
          .allocation = allocation};
}

}  // namespace scalelaw::inline law::overtraining_law
