// E + (X/x)^alpha of one variable x, which is N, D or C: Kaplan et al. 2020, arXiv 2001.08361, eqs. 1.1 to 1.3, where
// E = 0.
#include <cmath>

#include "law/form.hpp"
#include "law/papers.hpp"
#include "law/variables.hpp"

namespace scalelaw::inline law {
namespace power_law {
namespace {

constexpr std::size_t kX = 0, kAlpha = 1, kE = 2;

// d/dX = (X/x)^alpha alpha/X, d/dalpha = (X/x)^alpha ln(X/x), d/dE = 1.
template <Quantity x>
double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  if (!gradient.empty()) {
    const double ratio = std::log(v[kX] / quantity_of(p, x));
    const double power = std::exp(v[kAlpha] * ratio);
    gradient[kX] = power * v[kAlpha] / v[kX];
    gradient[kAlpha] = power * ratio;
    gradient[kE] = 1;
  }
  return v[kE] + std::pow(v[kX] / quantity_of(p, x), v[kAlpha]);
}

template <Quantity x>
LinearForm linear(LawValues v) {
  return {
      .terms = {
          {.constant = kE},
          {.constant = kX, .root = v[kAlpha], .exponent = v[kAlpha], .variable = variable_of<x>, .may_vanish = false}}};
}

template <Quantity x>
LawForm power_form(const std::vector<PublishedSet>& published) {
  Constant e = offset("E");
  e.optional = true;
  return {.formula = fmt::format("E + (X/{})^alpha", symbol_of(x)),
          .constants = {amplitude("X", x), exponent("alpha", x), e},
          .coordinates = Coordinates::power,
          .evaluate = evaluate<x>,
          .linear = linear<x>,
          .published = published};
}

PublishedSet kaplan(const char* name, const char* where, double x, double alpha) {
  return {.name = name,
          .source = fmt::format("Kaplan et al. 2020, arXiv 2001.08361, {}", where),
          .values = {x, alpha, 0},
          .convention = papers::kKaplanCounts,
          .range = papers::kKaplanRuns};
}

}  // namespace
}  // namespace power_law

LawForm power_n_law::form() {
  return power_law::power_form<Quantity::params>(
      {power_law::kaplan("kaplan2020-n", "eq. 1.1 and Table 5", 8.8e13, 0.076)});
}

LawForm power_d_law::form() {
  return power_law::power_form<Quantity::tokens>(
      {power_law::kaplan("kaplan2020-d", "eq. 1.2 and Table 5", 5.4e13, 0.095)});
}

LawForm power_c_law::form() {
  return power_law::power_form<Quantity::flops>(
      {power_law::kaplan("kaplan2020-c", "eq. 1.3 and Table 5: least compute C_min, 3.1e8 PF-days",
                         3.1e8 * papers::kPfDay, 0.050),
       power_law::kaplan("kaplan2020-c-fixed-batch", "Table 5: compute at a fixed batch, 1.6e7 PF-days",
                         1.6e7 * papers::kPfDay, 0.057)});
}

}  // namespace scalelaw::inline law
