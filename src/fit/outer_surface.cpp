#include "fit/outer_surface.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fit/vector_math.hpp"
#include "os/cpu.hpp"
#include "os/error.hpp"

namespace scalelaw::inline fit {
namespace {

template <int kLanes>
SCALELAW_INLINE typename Lanes<kLanes>::Real at_lanes(const double* p) {
  typename Lanes<kLanes>::Real v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
/// Halves are added until one number is left.
template <int kLanes>
SCALELAW_INLINE double sum_of_lanes(typename Lanes<kLanes>::Real v) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) v[k] += v[k + half];
  }
  return v[0];
}

// The sums over points that Newton's method needs, for the law E + T, T = (e^(U/k) + e^(V/k))^k.
//
// Legend, for one point: x = ln N and y = ln D from their centres, w its weight, o the loss observed.
//   theta = (ln E, p, q, a, b, k), a = alpha' and b = beta'
//   U = p - a x, V = q - b y                    logarithms of the losses of the two terms
//   s1 = e^(U/k)/(e^(U/k) + e^(V/k)), s2 = 1 - s1            shares in the sum inside
//   log residuals   r = ln(E + T) - ln o;       otherwise r = E + T - o
//
// ln T = k ln(e^(U/k) + e^(V/k)) is a log-sum-exp of temperature k. Its slopes in U and V are the shares, that in k is
// their entropy  h = -s1 ln s1 - s2 ln s2 = ln(e^(U/k) + e^(V/k)) - (s1 U + s2 V)/k.  So
//   g = d ln T / d(p, q, a, b, k) = (s1, s2, -x s1, -y s2, h).
// With c = s1 s2/k and z = (U - V)/k the shares move by ds1 = c (dU - dV - z dk), and dh = -z ds1: the second
// derivatives of ln T are of rank one,
//   d2 ln T = c m m',   m = (1, -1, -x, y, -z)  in the same order.
// Of the residual, with e = (1, 0, ...) for ln E and g, m padded by a 0 in front:
//   log residuals   q0 = E/(E + T), q1 = 1 - q0:   dr = q0 e + q1 g,   d2r = q0 q1 (e - g)(e - g)' + q1 c m m'
//   otherwise                                      dr = E e + T g,     d2r = E e e' + T g g' + T c m m'
// so that the Hessian of w rho(r) is the sum of three squares: first (dr)(dr)' and psi times those of d2r, with
// psi = w rho'(r) and first = w rho''(r); `curvature` 0 leaves the first alone.
//
// Passes: 1. the term; 2. the residual; 3. the gradient; 4. the Hessian.
template <int kLanes, bool kLog>
SCALELAW_INLINE void outer_pass(const double* x, const double* y, const double* observed_or_inverse,
                                const double* weight, std::size_t n, const OuterTheta& theta, double delta,
                                double curvature, OuterSums& out) {
  using Real = typename Lanes<kLanes>::Real;
  constexpr int kSize = 6;
  const Real zero = {}, one = broadcast<kLanes>(1.0), bound = broadcast<kLanes>(delta);
  const Real offset = exp_of<kLanes>(broadcast<kLanes>(theta[0]));
  const double k = theta[5], inverse_k = 1 / k;
  Real value = zero;
  Real gradient[kSize] = {zero, zero, zero, zero, zero, zero};  // NOLINT(modernize-avoid-c-arrays): of vector types
  Real hessian[kSize * (kSize + 1) / 2] = {};                   // NOLINT(modernize-avoid-c-arrays)
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Real xi = at_lanes<kLanes>(x + i), yi = at_lanes<kLanes>(y + i), w = at_lanes<kLanes>(weight + i);
    const Real observed = at_lanes<kLanes>(observed_or_inverse + i);
    // 1. The term.
    const Real u = (theta[1] - theta[3] * xi) * inverse_k, v = (theta[2] - theta[4] * yi) * inverse_k;
    const Real most = u > v ? u : v, z = u - v;
    const Real e1 = exp_of<kLanes>(u - most), e2 = exp_of<kLanes>(v - most), both = e1 + e2;
    const Real s1 = e1 / both, s2 = e2 / both, log_sum = most + log_of<kLanes>(both);
    const Real term = exp_of<kLanes>(k * log_sum), entropy = log_sum - s1 * u - s2 * v;
    const Real c = s1 * s2 * inverse_k;
    // 2. The residual: dr = left e + right g; of d2r the squares of e - g (or e and g) and of m.
    const Real predicted = offset + term;
    Real psi, first, left, right, of_e, of_g;
    if constexpr (kLog) {
      left = offset / predicted;
      right = term / predicted;
      const Real r = log_of<kLanes>(predicted * observed);
      const Real clipped = clamped<kLanes>(r, -delta, delta);
      psi = w * clipped;
      value += psi * (r - 0.5 * clipped);
      first = magnitude<kLanes>(r) <= bound ? w : zero;
      of_e = of_g = left * right;
    } else {
      left = offset;
      right = term;
      const Real r = predicted - observed;
      psi = w * r;
      value += 0.5 * psi * r;
      first = w;
      of_e = offset;
      of_g = term;
    }
    // 3. The gradient.
    const Real g[kSize] = {zero, s1, s2, -xi * s1, -yi * s2, entropy};  // NOLINT(modernize-avoid-c-arrays)
    const Real m[kSize] = {zero, one, -one, -xi, yi, -z};               // NOLINT(modernize-avoid-c-arrays)
    Real dr[kSize];                                                     // NOLINT(modernize-avoid-c-arrays)
    for (int j = 0; j < kSize; ++j) dr[j] = j == 0 ? left : right * g[j];
    for (int j = 0; j < kSize; ++j) gradient[j] += psi * dr[j];
    // 4. The Hessian.
    const Real curved = curvature * psi, weight_e = curved * of_e, weight_g = curved * of_g;
    const Real weight_m = curved * right * c;
    int next = 0;
    for (int j = 0; j < kSize; ++j) {
      for (int l = j; l < kSize; ++l) {
        Real h = first * dr[j] * dr[l] + weight_m * m[j] * m[l];
        if (j == 0 && l == 0) h += weight_e;
        if (j > 0) h += weight_g * g[j] * g[l];
        if (kLog && j == 0 && l > 0) h -= weight_g * g[l];
        hessian[next++] += h;
      }
    }
  }
  out.value = sum_of_lanes<kLanes>(value);
  std::size_t next = 0;
  for (std::size_t j = 0; j < kSize; ++j) {
    out.gradient[j] = sum_of_lanes<kLanes>(gradient[j]);
    for (std::size_t l = j; l < kSize; ++l) {
      out.hessian[j][l] = out.hessian[l][j] = sum_of_lanes<kLanes>(hessian[next++]);
    }
  }
}

template <int kLanes>
SCALELAW_INLINE void sums_either(const double* x, const double* y, const double* observed_or_inverse,
                                 const double* weight, std::size_t n, const OuterTheta& theta, bool log_residuals,
                                 double delta, double curvature, OuterSums& out) {
  if (log_residuals) {
    outer_pass<kLanes, true>(x, y, observed_or_inverse, weight, n, theta, delta, curvature, out);
  } else {
    outer_pass<kLanes, false>(x, y, observed_or_inverse, weight, n, theta, delta, curvature, out);
  }
}

// NOLINTBEGIN(bugprone-macro-parentheses): an attribute takes none
#define SCALELAW_OUTER_KERNEL(name, lanes, target)                                                                     \
  target void outer_##name(const double* x, const double* y, const double* observed_or_inverse, const double* weight,  \
                           std::size_t n, const OuterTheta& theta, bool log_residuals, double delta, double curvature, \
                           OuterSums& out) {                                                                           \
    sums_either<lanes>(x, y, observed_or_inverse, weight, n, theta, log_residuals, delta, curvature, out);             \
  }
// NOLINTEND(bugprone-macro-parentheses)
SCALELAW_OUTER_KERNEL(plain, 4, )
#if defined(__x86_64__)
SCALELAW_OUTER_KERNEL(avx2, 4, __attribute__((target("avx2,fma"))))
SCALELAW_OUTER_KERNEL(avx512, 8, __attribute__((target("avx512f,avx512dq,avx512vl,fma"))))
#endif

std::vector<OuterKernel> outer_kernels_here() {
  std::vector<OuterKernel> found;
#if defined(__x86_64__)
  if (may_use(InstructionSet::avx512)) found.push_back({"avx512", outer_avx512});
  if (may_use(InstructionSet::avx2)) found.push_back({"avx2", outer_avx2});
#endif
  found.push_back({"plain", outer_plain});
  return found;
}

}  // namespace

const std::vector<OuterKernel>& outer_kernels() {
  static const std::vector<OuterKernel> found = outer_kernels_here();
  return found;
}

void outer_sums(const SurfacePoints& points, std::span<const double> weights, const OuterTheta& theta,
                bool log_residuals, double delta, bool second_order, OuterSums& out) {
  outer_sums(outer_kernels().front(), points, weights, theta, log_residuals, delta, second_order, out);
}

void outer_sums(const OuterKernel& kernel, const SurfacePoints& points, std::span<const double> weights,
                const OuterTheta& theta, bool log_residuals, double delta, bool second_order, OuterSums& out) {
  SCALELAW_CHECK(weights.size() == points.padded() && weights.size() % kSurfacePadding == 0, "{} weights",
                 weights.size());
  const auto& observed = log_residuals ? points.inverse_loss : points.loss;
  kernel.sums(points.log_params.data(), points.log_tokens.data(), observed.data(), weights.data(), weights.size(),
              theta, log_residuals, delta, second_order ? 1.0 : 0.0, out);
}

OuterTerm outer_term(const OuterTheta& theta, double x, double y) {
  const double k = theta[5], u = (theta[1] - theta[3] * x) / k, v = (theta[2] - theta[4] * y) / k;
  const double most = std::max(u, v), e1 = std::exp(u - most), e2 = std::exp(v - most), both = e1 + e2;
  const double s1 = e1 / both, s2 = e2 / both, log_sum = most + std::log(both);
  return {.log_term = k * log_sum, .slopes = {s1, s2, -x * s1, -y * s2, log_sum - s1 * u - s2 * v}};
}

}  // namespace scalelaw::inline fit
