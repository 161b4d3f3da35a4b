#include "analysis/budget_grid.hpp"

#include <cmath>

#include "law/optimum.hpp"
#include "os/error.hpp"

namespace scalelaw::inline analysis {
namespace {

constexpr double kBeyond = 100;  // times the largest compute measured
constexpr double kPerDecade = 8;

}  // namespace

std::vector<Allocation> budget_grid(const FitResult& fit) {
  const Interval& measured = fit.flops_range;
  if (!fit.answers() || !allocation_exponents(fit.fitted) || !(measured.low > 0)) return {};
  const double decades = std::log10(kBeyond * measured.high / measured.low);
  const auto steps = static_cast<int>(std::ceil(kPerDecade * decades));
  std::vector<Allocation> out;
  for (int i = 0; i <= steps; ++i) {
    AllocationRequest request;
    request.flops = measured.low * std::pow(10.0, decades * i / steps);
    try {
      out.push_back(allocate(fit, request));
    } catch (const Error&) {
      return {};  // the warnings say why there is no allocation
    }
  }
  return out;
}

}  // namespace scalelaw::inline analysis
