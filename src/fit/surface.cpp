#include "fit/surface.hpp"

#include <cstring>

#include "fit/vector_math.hpp"
#include "os/cpu.hpp"
#include "os/error.hpp"

namespace scalelaw::inline fit {
namespace {

// The sums over points that Newton's method needs, for the law E + A' e^(-alpha x) + B' e^(-beta y).
//
// Legend, for one point: x = ln N and y = ln D from their centres, w its weight, s the loss predicted, o observed.
//   theta = (ln E, ln A', ln B', alpha, beta)
//   terms   q0 = E       q1 = A' e^(-alpha x)      q2 = B' e^(-beta y)      s = q0 + q1 + q2
//   log residuals        r = ln s - ln o, and every q_k is divided by s; otherwise r = s - o
//
// The logarithms of the terms are linear in theta, ln q = U theta, with
//              ln E  ln A'  ln B'  alpha  beta
//       q0  (   1     0      0      0      0  )
//   U = q1  (   0     1      0     -x      0  )
//       q2  (   0     0      1      0     -y  )
// so that dr/dtheta = g = U' q = (q0, q1, q2, -x q1, -y q2) and d2r = U' diag(q) U, less g g' for log residuals.
//
// Passes: 1. the terms; 2. the residual and psi = w rho'(r); 3. the gradient psi g; 4. the Hessian of w rho(r),
//   first * g g' + psi * U' diag(q) U    with first = w rho''(r), less psi for log residuals,
// of which `curvature` 0 leaves the Gauss-Newton part w rho'' g g'. With a = -x, b = -y and m_kl = first q_k q_l, plus
// psi q_k where k = l, its upper triangle is
//             ln E   ln A'   ln B'   alpha    beta
//   ln E      m00    m01     m02     m01 a    m02 b
//   ln A'            m11     m12     m11 a    m12 b
//   ln B'                    m22     m12 a    m22 b
//   alpha                            m11 aa   m12 ab
//   beta                                      m22 bb
// The observed loss comes as its inverse for log residuals, so that a point costs two divisions.
template <int kLanes, bool kLog>
SCALELAW_INLINE void sums(const double* x, const double* y, const double* observed_or_inverse, const double* weight,
                          std::size_t n, const SurfaceTheta& theta, double delta, double curvature, SurfaceSums& out) {
  using Real = typename Lanes<kLanes>::Real;
  const Real zero = {}, bound = broadcast<kLanes>(delta);
  const Real q0_term = exp_of<kLanes>(broadcast<kLanes>(theta[0]));
  Real value = zero, g0 = zero, g1 = zero, g2 = zero, g3 = zero, g4 = zero;
  Real h00 = zero, h01 = zero, h02 = zero, h03 = zero, h04 = zero, h11 = zero, h12 = zero, h13 = zero, h14 = zero;
  Real h22 = zero, h23 = zero, h24 = zero, h33 = zero, h34 = zero, h44 = zero;
  for (std::size_t i = 0; i < n; i += kLanes) {
    const Real xi = load<kLanes>(x + i), yi = load<kLanes>(y + i), w = load<kLanes>(weight + i);
    const Real observed = load<kLanes>(observed_or_inverse + i);
    // 1. The terms.
    Real q1 = exp_of<kLanes>(theta[1] - theta[3] * xi), q2 = exp_of<kLanes>(theta[2] - theta[4] * yi);
    const Real predicted = q0_term + (q1 + q2);
    // 2. The residual.
    Real q0 = q0_term, psi, first;
    if constexpr (kLog) {
      const Real inverse = 1.0 / predicted;
      q0 *= inverse;
      q1 *= inverse;
      q2 *= inverse;
      const Real r = log_of<kLanes>(predicted * observed);
      const Real clipped = clamped<kLanes>(r, -delta, delta);
      psi = w * clipped;
      value += psi * (r - 0.5 * clipped);
      const Real curved = magnitude<kLanes>(r) <= bound ? w : zero;
      first = curved - curvature * psi;
    } else {
      const Real r = predicted - observed;
      psi = w * r;
      value += 0.5 * psi * r;
      first = w;
    }
    // 3. The gradient.
    const Real a = -xi, b = -yi;
    const Real s0 = psi * q0, s1 = psi * q1, s2 = psi * q2;
    g0 += s0;
    g1 += s1;
    g2 += s2;
    g3 += s1 * a;
    g4 += s2 * b;
    // 4. The Hessian.
    const Real f0 = first * q0, f1 = first * q1, f2 = first * q2;
    const Real c0 = curvature * s0, c1 = curvature * s1, c2 = curvature * s2;
    const Real m01 = f0 * q1, m02 = f0 * q2, m12 = f1 * q2, m11 = f1 * q1 + c1, m22 = f2 * q2 + c2;
    const Real m00 = f0 * q0 + c0;
    h00 += m00;
    h01 += m01;
    h02 += m02;
    h03 += m01 * a;
    h04 += m02 * b;
    h11 += m11;
    h12 += m12;
    h13 += m11 * a;
    h14 += m12 * b;
    h22 += m22;
    h23 += m12 * a;
    h24 += m22 * b;
    h33 += m11 * (a * a);
    h34 += m12 * (a * b);
    h44 += m22 * (b * b);
  }
  out.value = total<kLanes>(value);
  out.gradient = {total<kLanes>(g0), total<kLanes>(g1), total<kLanes>(g2), total<kLanes>(g3), total<kLanes>(g4)};
  const std::array<double, 15> h = {total<kLanes>(h00), total<kLanes>(h01), total<kLanes>(h02), total<kLanes>(h03),
                                    total<kLanes>(h04), total<kLanes>(h11), total<kLanes>(h12), total<kLanes>(h13),
                                    total<kLanes>(h14), total<kLanes>(h22), total<kLanes>(h23), total<kLanes>(h24),
                                    total<kLanes>(h33), total<kLanes>(h34), total<kLanes>(h44)};
  std::size_t next = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = i; j < 5; ++j) out.hessian[i][j] = out.hessian[j][i] = h[next++];
  }
}

template <int kLanes>
SCALELAW_INLINE void sums_of(const double* x, const double* y, const double* observed_or_inverse, const double* weight,
                             std::size_t n, const SurfaceTheta& theta, bool log_residuals, double delta,
                             double curvature, SurfaceSums& out) {
  if (log_residuals) {
    sums<kLanes, true>(x, y, observed_or_inverse, weight, n, theta, delta, curvature, out);
  } else {
    sums<kLanes, false>(x, y, observed_or_inverse, weight, n, theta, delta, curvature, out);
  }
}
template <int kLanes>
SCALELAW_INLINE void exps(const double* x, double* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const auto v = exp_of<kLanes>(load<kLanes>(x + i));
    std::memcpy(y + i, &v, sizeof v);
  }
}
template <int kLanes>
SCALELAW_INLINE void logs(const double* x, double* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += kLanes) {
    const auto v = log_of<kLanes>(load<kLanes>(x + i));
    std::memcpy(y + i, &v, sizeof v);
  }
}

// One set of functions for an instruction set; `target` is an attribute, or empty for the compiler's own.
// NOLINTBEGIN(bugprone-macro-parentheses): an attribute takes none
#define SCALELAW_KERNEL(name, lanes, target)                                                                         \
  target void sums_##name(const double* x, const double* y, const double* observed_or_inverse, const double* weight, \
                          std::size_t n, const SurfaceTheta& theta, bool log_residuals, double delta,                \
                          double curvature, SurfaceSums& out) {                                                      \
    sums_of<lanes>(x, y, observed_or_inverse, weight, n, theta, log_residuals, delta, curvature, out);               \
  }                                                                                                                  \
  target void exp_##name(const double* x, double* y, std::size_t n) { exps<lanes>(x, y, n); }                        \
  target void log_##name(const double* x, double* y, std::size_t n) { logs<lanes>(x, y, n); }

// NOLINTEND(bugprone-macro-parentheses)
SCALELAW_KERNEL(plain, 4, )
#if defined(__x86_64__)
SCALELAW_KERNEL(avx2, 4, __attribute__((target("avx2,fma"))))
SCALELAW_KERNEL(avx512, 8, __attribute__((target("avx512f,avx512dq,avx512vl,fma"))))
#endif

std::vector<SurfaceKernel> kernels_here() {
  std::vector<SurfaceKernel> found;
#if defined(__x86_64__)
  if (may_use(InstructionSet::avx512)) found.push_back({"avx512", sums_avx512, exp_avx512, log_avx512});
  if (may_use(InstructionSet::avx2)) found.push_back({"avx2", sums_avx2, exp_avx2, log_avx2});
#endif
  found.push_back({"plain", sums_plain, exp_plain, log_plain});
  return found;
}

}  // namespace

const std::vector<SurfaceKernel>& surface_kernels() {
  static const std::vector<SurfaceKernel> found = kernels_here();
  return found;
}

void surface_sums(const SurfacePoints& points, std::span<const double> weights, const SurfaceTheta& theta,
                  bool log_residuals, double delta, bool second_order, SurfaceSums& out) {
  surface_sums(surface_kernels().front(), points, weights, theta, log_residuals, delta, second_order, out);
}

void surface_sums(const SurfaceKernel& kernel, const SurfacePoints& points, std::span<const double> weights,
                  const SurfaceTheta& theta, bool log_residuals, double delta, bool second_order, SurfaceSums& out) {
  SCALELAW_CHECK(weights.size() == points.padded() && weights.size() % kSurfacePadding == 0, "{} weights",
                 weights.size());
  const auto& observed = log_residuals ? points.inverse_loss : points.loss;
  kernel.sums(points.log_params.data(), points.log_tokens.data(), observed.data(), weights.data(), weights.size(),
              theta, log_residuals, delta, second_order ? 1.0 : 0.0, out);
}

}  // namespace scalelaw::inline fit
