#pragma once
// The inner loop of the fitter for the law E + (A/N^alpha + B/D^beta)^k: as fit/surface.hpp for chinchilla.
#include <array>
#include <span>

#include "fit/surface.hpp"

namespace scalelaw::inline fit {

/// theta = (ln E, p, q, alpha', beta', k): at the means that the points are centred on, p and q are the logarithms of
/// what the loss above E would be of the one term alone, and alpha' = k alpha, beta' = k beta are the exponents with
/// which these losses fall. So k, the only one left, says how the two losses add: T = (P^(1/k) + Q^(1/k))^k.
using OuterTheta = std::array<double, 6>;

struct OuterSums {
  double value = 0;
  std::array<double, 6> gradient{};
  std::array<std::array<double, 6>, 6> hessian{};
};

/// As surface_sums (fit/surface.hpp).
void outer_sums(const SurfacePoints& points, std::span<const double> weights, const OuterTheta& theta,
                bool log_residuals, double delta, bool second_order, OuterSums& sums);

/// The function compiled for one instruction set.
struct OuterKernel {
  const char* name;  ///< avx512 | avx2 | plain
  void (*sums)(const double* log_params, const double* log_tokens, const double* observed_or_inverse,
               const double* weight, std::size_t n, const OuterTheta& theta, bool log_residuals, double delta,
               double curvature, OuterSums& out);
};
/// Those that this processor can run, the fastest, which outer_sums takes, first.
[[nodiscard]] const std::vector<OuterKernel>& outer_kernels();
/// outer_sums with a kernel of choice, for tests and timings.
void outer_sums(const OuterKernel& kernel, const SurfacePoints& points, std::span<const double> weights,
                const OuterTheta& theta, bool log_residuals, double delta, bool second_order, OuterSums& sums);

/// One point: ln T and what it changes by.
struct OuterTerm {
  double log_term = 0;             ///< ln T
  std::array<double, 5> slopes{};  ///< d ln T / d(p, q, alpha', beta', k)
};
/// @param x ln N, @param y ln D, from the centres
[[nodiscard]] OuterTerm outer_term(const OuterTheta& theta, double x, double y);

}  // namespace scalelaw::inline fit
