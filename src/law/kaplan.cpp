// [(Nc/N)^(alphaN/alphaD) + Dc/D]^alphaD: Kaplan et al. 2020, arXiv 2001.08361, eq. 1.5.
#include <cmath>

#include "law/form.hpp"
#include "law/papers.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law::kaplan_law {
namespace {

struct Kaplan {
  double Nc, Dc, alpha_n, alpha_d;
};
constexpr std::size_t kNc = 0, kDc = 1, kAlphaN = 2, kAlphaD = 3;

Kaplan named(LawValues v) { return {.Nc = v[kNc], .Dc = v[kDc], .alpha_n = v[kAlphaN], .alpha_d = v[kAlphaD]}; }

// loss = s^alphaD with s = x + Dc/D and x = exp(ln(Nc/N) alphaN/alphaD). With s' = alphaD s^(alphaD-1) = d loss / d s:
// d/dNc = s' x alphaN/(alphaD Nc), d/dDc = s'/D, d/dalphaN = s' x ln(Nc/N)/alphaD, and alphaD is both the outer power
// and the divisor in x: d/dalphaD = s^alphaD ln s - s' x ln(Nc/N) alphaN/alphaD^2.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const Kaplan c = named(v);
  if (!gradient.empty()) {
    const double ratio = std::log(c.Nc / p.params);
    const double x = std::exp(ratio * c.alpha_n / c.alpha_d);
    const double sum = x + c.Dc / p.tokens;
    const double slope = c.alpha_d * std::pow(sum, c.alpha_d - 1);
    gradient[kNc] = slope * x * c.alpha_n / (c.alpha_d * c.Nc);
    gradient[kDc] = slope / p.tokens;
    gradient[kAlphaN] = slope * x * ratio / c.alpha_d;
    gradient[kAlphaD] =
        std::pow(sum, c.alpha_d) * std::log(sum) - slope * x * ratio * c.alpha_n / (c.alpha_d * c.alpha_d);
  }
  return std::pow(std::pow(c.Nc / p.params, c.alpha_n / c.alpha_d) + c.Dc / p.tokens, c.alpha_d);
}

// loss^(1/alphaD) = Nc^r N^-r + Dc / D with r = alphaN / alphaD.
LinearForm linear(LawValues v) {
  const double r = v[kAlphaN] / v[kAlphaD];
  return {
      .power = 1 / v[kAlphaD],
      .terms = {
          {.constant = kNc, .root = r, .exponent = r, .variable = variable_of<Quantity::params>, .may_vanish = false},
          {.constant = kDc, .exponent = 1, .variable = variable_of<Quantity::tokens>, .may_vanish = false}}};
}

// The sum inside is least where r (Nc/N)^r = Dc / D with r = alphaN / alphaD.
double optimal_params(LawValues v, double flops) {
  const Kaplan c = named(v);
  const double r = c.alpha_n / c.alpha_d;
  return std::exp((std::log(r * (flops / 6) / c.Dc) + r * std::log(c.Nc)) / (1 + r));
}

}  // namespace

LawForm form() {
  return {.formula = "[(Nc/N)^(alphaN/alphaD) + Dc/D]^alphaD",
          .constants = {amplitude("Nc", Quantity::params), amplitude("Dc", Quantity::tokens),
                        exponent("alphaN", Quantity::params), exponent("alphaD", Quantity::tokens)},
          .evaluate = evaluate,
          .linear = linear,
          .optimal_params = optimal_params,
          .ratio = ExponentRatio{.numerator = kAlphaD, .other = kAlphaN},
          .published = {{.name = "kaplan2020-joint",
                         .source = "Kaplan et al. 2020, arXiv 2001.08361, Table 2 (joint fit)",
                         .values = {6.4e13, 1.8e13, 0.076, 0.103},
                         .convention = papers::kKaplanCounts,
                         .range = papers::kKaplanRuns}}};
}

}  // namespace scalelaw::inline law::kaplan_law
