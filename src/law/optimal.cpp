// N* = coefficient C^exponent: the size that a budget pays best, without a loss (approaches 1 and 2 of Hoffmann et al.
// 2022 end in it).
#include <cmath>

#include "law/form.hpp"
#include "law/papers.hpp"

namespace scalelaw::inline law::optimal_law {
namespace {

constexpr std::size_t kCoefficient = 0, kExponent = 1;

double evaluate(LawValues v, const LawPoint& p, std::span<double> gradient) {
  const double power = std::pow(p.flops, v[kExponent]);
  if (!gradient.empty()) {
    gradient[kCoefficient] = power;
    gradient[kExponent] = v[kCoefficient] * power * std::log(p.flops);
  }
  return v[kCoefficient] * power;
}

// A straight line in logarithms: through the geometric means, at an exponent of one half.
std::vector<double> start(const std::vector<LawPoint>& points, const std::vector<double>& observed) {
  double log_ratio = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    log_ratio += (std::log(observed[i]) - 0.5 * std::log(points[i].flops)) / static_cast<double>(points.size());
  }
  return {std::exp(log_ratio), 0.5};
}

double optimal_params(LawValues v, double flops) { return v[kCoefficient] * std::pow(flops, v[kExponent]); }

AllocationExponents allocation(LawValues v) { return {.a = v[kExponent], .b = 1 - v[kExponent]}; }

}  // namespace

LawForm form() {
  return {.formula = "N* = coefficient C^exponent",
          .constants = {amplitude("coefficient", Quantity::flops), exponent("exponent", Quantity::flops)},
          .predicts_size = true,
          .evaluate = evaluate,
          .start = start,
          .optimal_params = optimal_params,
          .allocation = allocation,
          .published = {{.name = "kaplan2020-optimal",
                         .source = "Kaplan et al. 2020, arXiv 2001.08361, Table 6: N* = 1.3e9 params at 1 PF-day of "
                                   "C_min",
                         .values = {1.3e9 * std::pow(papers::kPfDay, -0.73), 0.73},
                         .convention = papers::kKaplanCounts,
                         .range = papers::kKaplanRuns}}};
}

}  // namespace scalelaw::inline law::optimal_law
