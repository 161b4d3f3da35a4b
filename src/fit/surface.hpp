#pragma once
// The inner loop of the fitter: objective, gradient and exact Hessian of E + A/N^alpha + B/D^beta over all points.
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace scalelaw::inline fit {

/// Arrays of points are padded to a multiple of this with points of weight 0.
constexpr std::size_t kSurfacePadding = 8;
[[nodiscard]] constexpr std::size_t surface_padded(std::size_t n) {
  return (n + kSurfacePadding - 1) / kSurfacePadding * kSurfacePadding;
}

/// Points as a structure of arrays, padded.
struct SurfacePoints {
  std::vector<double> log_params;  ///< ln N minus its mean (or minus 0, see Problem)
  std::vector<double> log_tokens;
  std::vector<double> loss;
  std::vector<double> inverse_loss;
  [[nodiscard]] std::size_t padded() const { return loss.size(); }
};

/// theta = (ln E, ln A', ln B', alpha, beta), A' and B' at the means that the points are centred on.
using SurfaceTheta = std::array<double, 5>;

struct SurfaceSums {
  double value = 0;
  std::array<double, 5> gradient{};
  std::array<std::array<double, 5>, 5> hessian{};
};

/// Sums weight * rho(r) and its two derivatives. With log_residuals r = ln predicted - ln observed and rho is Huber's
/// (half r^2 up to delta, then linear); without, r = predicted - observed and rho half r^2 (delta is not used).
/// ln predicted is a log-sum-exp of functions linear in theta, so the Hessian is exact at the price of a few products.
/// @param weights as many as the padded points
/// @param second_order false: the Gauss-Newton part of the Hessian alone, which is never indefinite
/// The result does not depend on the thread; it may differ in the last bits between instruction sets.
void surface_sums(const SurfacePoints& points, std::span<const double> weights, const SurfaceTheta& theta,
                  bool log_residuals, double delta, bool second_order, SurfaceSums& sums);

/// The functions compiled for one instruction set, 4 or 8 doubles to a vector.
struct SurfaceKernel {
  const char* name;  ///< avx512 | avx2 | plain
  void (*sums)(const double* log_params, const double* log_tokens, const double* observed_or_inverse,
               const double* weight, std::size_t n, const SurfaceTheta& theta, bool log_residuals, double delta,
               double curvature, SurfaceSums& out);
  void (*exp)(const double* x, double* y, std::size_t n);  ///< n a multiple of kSurfacePadding
  void (*log)(const double* x, double* y, std::size_t n);
};
/// Those that this processor can run, the fastest, which surface_sums takes, first.
[[nodiscard]] const std::vector<SurfaceKernel>& surface_kernels();
/// surface_sums with a kernel of choice, for tests and timings.
void surface_sums(const SurfaceKernel& kernel, const SurfacePoints& points, std::span<const double> weights,
                  const SurfaceTheta& theta, bool log_residuals, double delta, bool second_order, SurfaceSums& sums);

}  // namespace scalelaw::inline fit
