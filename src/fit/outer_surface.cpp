#include "fit/outer_surface.hpp"

#include <algorithm>
#include <cmath>

#include "fit/vector_math.hpp"
#include "os/cpu.hpp"
#include "os/error.hpp"

namespace scalelaw::inline fit {
namespace {

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
// With the larger of U and V taken out, ln T = max(U, V) + k ln(1 + e^-|z|) and h = ln(1 + e^-|z|) + s |z|, s the
// smaller share: sums of nothing negative, whatever k.
// Of the residual, with e = (1, 0, ...) for ln E and g, m padded by a 0 in front:
//   log residuals   q0 = E/(E + T), q1 = 1 - q0:   dr = q0 e + q1 g,   d2r = q0 q1 (e - g)(e - g)' + q1 c m m'
//   otherwise                                      dr = E e + T g,     d2r = E e e' + T g g' + T c m m'
// The Hessian of w rho(r) is first (dr)(dr)' and psi times d2r, with psi = w rho'(r) and first = w rho''(r); it is
//   ee e e' + eg (e g' + g e') + gg g g' + mm m m',
// whose four factors are collected below; `curvature` 0 leaves the part of first alone.
//
// Passes: 1. the term; 2. the residual; 3. the gradient; 4. the Hessian.

// NOLINTBEGIN(modernize-avoid-c-arrays): of vector types
template <int kLanes>
struct LanesTerm {
  using Real = typename Lanes<kLanes>::Real;
  Real value, g[5], m[5], c;
};

// 1. T, g, m and c.
template <int kLanes>
SCALELAW_INLINE LanesTerm<kLanes> lanes_term(const OuterTheta& theta, double inverse_k, typename Lanes<kLanes>::Real x,
                                             typename Lanes<kLanes>::Real y) {
  using Real = typename Lanes<kLanes>::Real;
  const Real one = broadcast<kLanes>(1.0);
  const Real u = (theta[1] - theta[3] * x) * inverse_k, v = (theta[2] - theta[4] * y) * inverse_k;
  const Real z = u - v, gap = magnitude<kLanes>(z), less = exp_of<kLanes>(-gap);
  const Real larger = 1.0 / (1.0 + less), smaller = less * larger, log_both = log_of<kLanes>(1.0 + less);
  const Real s1 = z > 0.0 ? larger : smaller, s2 = z > 0.0 ? smaller : larger, most = z > 0.0 ? u : v;
  return {.value = exp_of<kLanes>(theta[5] * (most + log_both)),
          .g = {s1, s2, -x * s1, -y * s2, log_both + smaller * gap},
          .m = {one, -one, -x, y, -z},
          .c = s1 * s2 * inverse_k};
}

template <int kLanes>
struct LanesResidual {
  typename Lanes<kLanes>::Real rho, psi, left, right;  // dr = left e + right g
  typename Lanes<kLanes>::Real ee, eg, gg, mm;         // mm without c
};

// 2. w rho(r), psi, and the factors of the Hessian.
template <int kLanes, bool kLog>
SCALELAW_INLINE LanesResidual<kLanes> lanes_residual(typename Lanes<kLanes>::Real offset,
                                                     typename Lanes<kLanes>::Real term,
                                                     typename Lanes<kLanes>::Real observed_or_inverse,
                                                     typename Lanes<kLanes>::Real w, double delta, double curvature) {
  using Real = typename Lanes<kLanes>::Real;
  const Real predicted = offset + term;
  if constexpr (kLog) {
    const Real inverse = 1.0 / predicted, left = offset * inverse, right = term * inverse;
    const Real r = log_of<kLanes>(predicted * observed_or_inverse), clipped = clamped<kLanes>(r, -delta, delta);
    const Real psi = w * clipped, curved = curvature * psi, mixed = curved * left * right;
    const Real first = magnitude<kLanes>(r) <= broadcast<kLanes>(delta) ? w : Real{};
    return {.rho = psi * (r - 0.5 * clipped),
            .psi = psi,
            .left = left,
            .right = right,
            .ee = first * left * left + mixed,
            .eg = first * left * right - mixed,
            .gg = first * right * right + mixed,
            .mm = curved * right};
  } else {
    const Real r = predicted - observed_or_inverse, psi = w * r, curved = curvature * psi;
    return {.rho = 0.5 * psi * r,
            .psi = psi,
            .left = offset,
            .right = term,
            .ee = w * offset * offset + curved * offset,
            .eg = w * offset * term,
            .gg = w * term * term + curved * term,
            .mm = curved * term};
  }
}

template <int kLanes, bool kLog>
SCALELAW_INLINE void outer_pass(const double* x, const double* y, const double* observed_or_inverse,
                                const double* weight, std::size_t n, const OuterTheta& theta, double delta,
                                double curvature, OuterSums& out) {
  using Real = typename Lanes<kLanes>::Real;
  constexpr int kInside = 5;  // of the constants in T
  const Real offset = exp_of<kLanes>(broadcast<kLanes>(theta[0]));
  const double inverse_k = 1 / theta[5];
  Real value{}, of_offset{}, gradient[kInside] = {}, ee{}, eg[kInside] = {}, inside[kInside * (kInside + 1) / 2] = {};
  for (std::size_t i = 0; i < n; i += kLanes) {
    const LanesTerm<kLanes> t = lanes_term<kLanes>(theta, inverse_k, load<kLanes>(x + i), load<kLanes>(y + i));
    const LanesResidual<kLanes> r = lanes_residual<kLanes, kLog>(offset, t.value, load<kLanes>(observed_or_inverse + i),
                                                                 load<kLanes>(weight + i), delta, curvature);
    value += r.rho;
    // 3. The gradient.
    const Real slope = r.psi * r.right, mm = r.mm * t.c;
    of_offset += r.psi * r.left;
    for (int j = 0; j < kInside; ++j) gradient[j] += slope * t.g[j];
    // 4. The Hessian.
    ee += r.ee;
    for (int j = 0, next = 0; j < kInside; ++j) {
      eg[j] += r.eg * t.g[j];
      const Real g = r.gg * t.g[j], m = mm * t.m[j];
      for (int l = j; l < kInside; ++l) inside[next++] += g * t.g[l] + m * t.m[l];
    }
  }
  out.value = total<kLanes>(value);
  out.gradient[0] = total<kLanes>(of_offset);
  out.hessian[0][0] = total<kLanes>(ee);
  for (std::size_t j = 0, next = 0; j < kInside; ++j) {
    out.gradient[j + 1] = total<kLanes>(gradient[j]);
    out.hessian[0][j + 1] = out.hessian[j + 1][0] = total<kLanes>(eg[j]);
    for (std::size_t l = j; l < kInside; ++l) {
      out.hessian[j + 1][l + 1] = out.hessian[l + 1][j + 1] = total<kLanes>(inside[next++]);
    }
  }
}
// NOLINTEND(modernize-avoid-c-arrays)

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
  const double gap = std::abs(u - v), less = std::exp(-gap), larger = 1 / (1 + less), smaller = less * larger;
  const double log_both = std::log1p(less), s1 = u > v ? larger : smaller, s2 = u > v ? smaller : larger;
  return {.log_term = k * (std::max(u, v) + log_both), .slopes = {s1, s2, -x * s1, -y * s2, log_both + smaller * gap}};
}

}  // namespace scalelaw::inline fit
