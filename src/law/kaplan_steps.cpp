// (Nc/N)^alphaN + (Sc/Smin)^alphaS: Kaplan et al. 2020, arXiv 2001.08361, eq. 1.6, with S_min the steps that a batch
// far above the critical one would need (law/critical_batch.hpp).
#include <cmath>
#include <limits>

#include "law/form.hpp"
#include "law/papers.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law::kaplan_steps_law {
namespace {

constexpr std::size_t kNc = 0, kSc = 1, kAlphaN = 2, kAlphaS = 3;

// Each term (X/x)^alpha has d/dX = term alpha/X and d/dalpha = term ln(X/x).
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  if (!gradient.empty()) {
    const double n_ratio = std::log(v[kNc] / p.params), s_ratio = std::log(v[kSc] / p.steps);
    const double n_term = std::exp(v[kAlphaN] * n_ratio), s_term = std::exp(v[kAlphaS] * s_ratio);
    gradient[kNc] = n_term * v[kAlphaN] / v[kNc];
    gradient[kSc] = s_term * v[kAlphaS] / v[kSc];
    gradient[kAlphaN] = n_term * n_ratio;
    gradient[kAlphaS] = s_term * s_ratio;
  }
  if (!(p.steps > 0)) return std::numeric_limits<double>::quiet_NaN();
  return std::pow(v[kNc] / p.params, v[kAlphaN]) + std::pow(v[kSc] / p.steps, v[kAlphaS]);
}

LinearForm linear(LawValues v) {
  return {.terms = {{.constant = kNc,
                     .root = v[kAlphaN],
                     .exponent = v[kAlphaN],
                     .variable = variable_of<Quantity::params>,
                     .may_vanish = false},
                    {.constant = kSc,
                     .root = v[kAlphaS],
                     .exponent = v[kAlphaS],
                     .variable = variable_of<Quantity::steps>,
                     .may_vanish = false}}};
}

}  // namespace

LawForm form() {
  return {.formula = "(Nc/N)^alphaN + (Sc/Smin)^alphaS",
          .constants = {amplitude("Nc", Quantity::params), amplitude("Sc", Quantity::steps),
                        exponent("alphaN", Quantity::params), exponent("alphaS", Quantity::steps)},
          .evaluate = evaluate,
          .linear = linear,
          .published = {{.name = "kaplan2020-steps",
                         .source = "Kaplan et al. 2020, arXiv 2001.08361, Table 3 (joint fit with S_min)",
                         .values = {6.5e13, 2.1e3, 0.077, 0.76},
                         .convention = papers::kKaplanCounts,
                         .range = papers::kKaplanRuns}}};
}

}  // namespace scalelaw::inline law::kaplan_steps_law
