#include "fit/surface.hpp"

#include <cstring>

#include "core/error.hpp"
#include "fit/vector_math.hpp"

namespace scalelaw {
namespace {

SCALELAW_INLINE Double4 load4(const double* p) {
  Double4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SCALELAW_INLINE void store4(double* p, Double4 v) { std::memcpy(p, &v, sizeof v); }
SCALELAW_INLINE double total(Double4 v) { return (v[0] + v[2]) + (v[1] + v[3]); }

// With q_k the three terms (divided by their sum for log residuals) and U the map from theta to the terms' logarithms,
// d r / d theta = U' q =: g and d2 r = U' diag(q) U - [log] g g'. So the Hessian of sum w rho(r) is
// sum first * g g' + second * U' diag(q) U with first = w (rho'' - [log] rho'), second = w rho'; curvature 0 drops what
// comes from d2 r and leaves Gauss-Newton.
// The observed loss comes as its inverse for log residuals, so that a point costs two divisions.
// The sums of products of g are taken as moments of (q0, q1, q2) with powers of x and y.
template <bool kLog>
SCALELAW_INLINE void sums(const double* x, const double* y, const double* observed_or_inverse, const double* weight,
                          std::size_t n, const SurfaceTheta& theta, double delta, double curvature, SurfaceSums& out) {
  const Double4 e = broadcast4(theta[0]), zero = broadcast4(0);
  const Double4 q0_term = exp4(e);
  const Double4 upper = broadcast4(delta), lower = broadcast4(-delta);
  Double4 value = zero, g0 = zero, g1 = zero, g2 = zero, g3 = zero, g4 = zero;
  Double4 h00 = zero, h01 = zero, h02 = zero, h03 = zero, h04 = zero, h11 = zero, h12 = zero, h13 = zero, h14 = zero;
  Double4 h22 = zero, h23 = zero, h24 = zero, h33 = zero, h34 = zero, h44 = zero;
  for (std::size_t i = 0; i < n; i += 4) {
    const Double4 xi = load4(x + i), yi = load4(y + i), w = load4(weight + i),
                  observed = load4(observed_or_inverse + i);
    Double4 q1 = exp4(theta[1] - theta[3] * xi), q2 = exp4(theta[2] - theta[4] * yi);
    const Double4 predicted = q0_term + (q1 + q2);
    Double4 q0 = q0_term, psi, first;
    if constexpr (kLog) {
      const Double4 inverse = 1.0 / predicted;
      q0 *= inverse;
      q1 *= inverse;
      q2 *= inverse;
      const Double4 r = log4(predicted * observed);
      const Double4 clipped = select4(r > upper, upper, select4(r < lower, lower, r));
      psi = w * clipped;
      value += psi * (r - 0.5 * clipped);
      const Double4 curved = select4(abs4(r) <= upper, w, zero);
      first = curved - curvature * psi;
    } else {
      const Double4 r = predicted - observed;
      psi = w * r;
      value += 0.5 * psi * r;
      first = w;
    }
    const Double4 a = -xi, b = -yi;
    const Double4 s0 = psi * q0, s1 = psi * q1, s2 = psi * q2;
    g0 += s0;
    g1 += s1;
    g2 += s2;
    g3 += s1 * a;
    g4 += s2 * b;
    const Double4 f0 = first * q0, f1 = first * q1, f2 = first * q2;
    const Double4 c0 = curvature * s0, c1 = curvature * s1, c2 = curvature * s2;
    const Double4 m01 = f0 * q1, m02 = f0 * q2, m12 = f1 * q2, m11 = f1 * q1 + c1, m22 = f2 * q2 + c2;
    h00 += f0 * q0 + c0;
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
  out.value = total(value);
  out.gradient = {total(g0), total(g1), total(g2), total(g3), total(g4)};
  const std::array<double, 15> h = {total(h00), total(h01), total(h02), total(h03), total(h04),
                                    total(h11), total(h12), total(h13), total(h14), total(h22),
                                    total(h23), total(h24), total(h33), total(h34), total(h44)};
  std::size_t next = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = i; j < 5; ++j) out.hessian[i][j] = out.hessian[j][i] = h[next++];
  }
}

using Sums = void (*)(const double*, const double*, const double*, const double*, std::size_t, const SurfaceTheta&,
                      bool, double, double, SurfaceSums&);

SCALELAW_INLINE void both(const double* x, const double* y, const double* observed_or_inverse, const double* weight,
                          std::size_t n, const SurfaceTheta& theta, bool log_residuals, double delta, double curvature,
                          SurfaceSums& out) {
  if (log_residuals) {
    sums<true>(x, y, observed_or_inverse, weight, n, theta, delta, curvature, out);
  } else {
    sums<false>(x, y, observed_or_inverse, weight, n, theta, delta, curvature, out);
  }
}

SCALELAW_INLINE void exps(const double* x, double* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 4) store4(y + i, exp4(load4(x + i)));
}
SCALELAW_INLINE void logs(const double* x, double* y, std::size_t n) {
  for (std::size_t i = 0; i < n; i += 4) store4(y + i, log4(load4(x + i)));
}

using Map = void (*)(const double*, double*, std::size_t);

struct Kernels {
  Sums sums;
  Map exp, log;
};

void sums_plain(const double* x, const double* y, const double* observed_or_inverse, const double* weight,
                std::size_t n, const SurfaceTheta& theta, bool log_residuals, double delta, double curvature,
                SurfaceSums& out) {
  both(x, y, observed_or_inverse, weight, n, theta, log_residuals, delta, curvature, out);
}
void exp_plain(const double* x, double* y, std::size_t n) { exps(x, y, n); }
void log_plain(const double* x, double* y, std::size_t n) { logs(x, y, n); }

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) void sums_avx2(const double* x, const double* y, const double* observed_or_inverse,
                                                   const double* weight, std::size_t n, const SurfaceTheta& theta,
                                                   bool log_residuals, double delta, double curvature,
                                                   SurfaceSums& out) {
  both(x, y, observed_or_inverse, weight, n, theta, log_residuals, delta, curvature, out);
}
__attribute__((target("avx2,fma"))) void exp_avx2(const double* x, double* y, std::size_t n) { exps(x, y, n); }
__attribute__((target("avx2,fma"))) void log_avx2(const double* x, double* y, std::size_t n) { logs(x, y, n); }
#endif

Kernels best_kernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {sums_avx2, exp_avx2, log_avx2};
#endif
  return {sums_plain, exp_plain, log_plain};
}

const Kernels& kernels() {
  static const Kernels chosen = best_kernels();
  return chosen;
}

}  // namespace

void surface_sums(const SurfacePoints& points, std::span<const double> weights, const SurfaceTheta& theta,
                  bool log_residuals, double delta, bool second_order, SurfaceSums& out) {
  SCALELAW_CHECK(weights.size() == points.padded() && weights.size() % 4 == 0, "{} weights", weights.size());
  const auto& observed = log_residuals ? points.inverse_loss : points.loss;
  kernels().sums(points.log_params.data(), points.log_tokens.data(), observed.data(), weights.data(), weights.size(),
                 theta, log_residuals, delta, second_order ? 1.0 : 0.0, out);
}

void vector_exp(std::span<const double> x, std::span<double> y) { kernels().exp(x.data(), y.data(), x.size()); }
void vector_log(std::span<const double> x, std::span<double> y) { kernels().log(x.data(), y.data(), x.size()); }

}  // namespace scalelaw
