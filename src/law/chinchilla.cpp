// E + A/N^alpha + B/D^beta: Hoffmann et al. 2022, arXiv 2203.15556, eq. 2.
#include <cmath>

#include "law/form.hpp"
#include "law/papers.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law::chinchilla_law {
namespace {

struct Chinchilla {
  double E, A, B, alpha, beta;
};
constexpr std::size_t kE = 0, kA = 1, kB = 2, kAlpha = 3, kBeta = 4;

Chinchilla named(LawValues v) { return {.E = v[kE], .A = v[kA], .B = v[kB], .alpha = v[kAlpha], .beta = v[kBeta]}; }

// With n = N^-alpha: d/dA = n, and d/dalpha = -A n ln N, since d N^-alpha = -ln N N^-alpha dalpha. The same in D.
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const Chinchilla c = named(v);
  const double n = std::pow(p.params, -c.alpha), d = std::pow(p.tokens, -c.beta);
  if (!gradient.empty()) {
    gradient[kE] = 1;
    gradient[kA] = n;
    gradient[kB] = d;
    gradient[kAlpha] = -c.A * n * std::log(p.params);
    gradient[kBeta] = -c.B * d * std::log(p.tokens);
  }
  return c.E + c.A * n + c.B * d;
}

LinearForm linear(LawValues v) {
  return {.terms = {{.constant = kE},
                    {.constant = kA, .exponent = v[kAlpha], .variable = variable_of<Quantity::params>},
                    {.constant = kB, .exponent = v[kBeta], .variable = variable_of<Quantity::tokens>}}};
}

// Along D = C / (6 N), d loss / d ln N = -alpha A N^-alpha + beta B D^-beta = 0, so
// N^(alpha+beta) = (alpha A / (beta B)) (C/6)^beta (Hoffmann et al. 2022, eq. 4).
double optimal_params(LawValues v, double flops) {
  const Chinchilla c = named(v);
  const double g = std::pow(c.alpha * c.A / (c.beta * c.B), 1 / (c.alpha + c.beta));
  return g * std::pow(flops / 6, c.beta / (c.alpha + c.beta));
}

// Both terms fall alike along the optimum: as N*^-alpha with N* ~ C^(beta/(alpha+beta)).
double frontier(LawValues v) { return v[kAlpha] * v[kBeta] / (v[kAlpha] + v[kBeta]); }

std::vector<PublishedSet> published() {
  return {{.name = "hoffmann2022",
           .source =
               "Hoffmann et al. 2022, arXiv 2203.15556, approach 3; the digits of its TeX source as given by Besiroglu "
               "et al. 2024",
           .values = {std::exp(0.5267228), std::exp(6.0073404), std::exp(6.0179186), 0.33917084, 0.2849083},
           .convention = {},
           .range = papers::kHoffmannRuns},
          {.name = "hoffmann2022-rounded",
           .source = "Hoffmann et al. 2022, arXiv 2203.15556, eq. 10 as printed",
           .values = {1.69, 406.4, 410.7, 0.34, 0.28},
           .convention = {},
           .range = papers::kHoffmannRuns},
          {.name = "besiroglu2024",
           .source = "Besiroglu et al. 2024, arXiv 2404.10102, eq. 4",
           .values = {1.8172, 482.01, 2085.43, 0.3478, 0.3658},
           .convention = {},
           .range = papers::kHoffmannRuns}};
}

}  // namespace

LawForm form() {
  return {.formula = "E + A/N^alpha + B/D^beta",
          .constants = {offset("E"), amplitude("A", Quantity::params), amplitude("B", Quantity::tokens),
                        exponent("alpha", Quantity::params), exponent("beta", Quantity::tokens)},
          .coordinates = Coordinates::surface,
          .evaluate = evaluate,
          .linear = linear,
          .optimal_params = optimal_params,
          .frontier = frontier,
          .ratio = ExponentRatio{.numerator = kBeta, .other = kAlpha},
          .with_decays = LawKind::data_constrained,
          .published = published()};
}

}  // namespace scalelaw::inline law::chinchilla_law
