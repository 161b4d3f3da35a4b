#include "fit/huber.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace scalelaw::inline fit {
namespace {

// Value, gradient and curvature of the model at a step; u holds the residuals there.
struct Piece {
  double value = 0;
  Vector gradient{};
  std::array<Vector, kMaxFree> hessian{};
};

// The curvature is that of the piece or, with majorant, of parabolas above the objective that touch it at u.
Piece piece_at(const HuberModel& m, const std::vector<double>& u, const Vector& s, bool majorant) {
  Piece p;
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double* j = &m.jacobian[i * m.size];
    const double clipped = std::clamp(u[i], -m.delta, m.delta), psi = m.weights[i] * clipped;
    p.value += psi * (u[i] - 0.5 * clipped);
    for (std::size_t k = 0; k < m.size; ++k) p.gradient[k] += psi * j[k];
    double curved = m.weights[i];
    if (clipped != u[i]) {
      if (!majorant) continue;
      curved *= m.delta / std::abs(u[i]);
    }
    for (std::size_t k = 0; k < m.size; ++k) {
      for (std::size_t l = 0; l <= k; ++l) p.hessian[k][l] += curved * j[k] * j[l];
    }
  }
  for (std::size_t k = 0; k < m.size; ++k) {
    p.value += 0.5 * m.damping[k] * s[k] * s[k];
    p.gradient[k] += m.damping[k] * s[k];
    p.hessian[k][k] += m.damping[k];
    for (std::size_t l = 0; l < k; ++l) p.hessian[l][k] = p.hessian[k][l];
  }
  return p;
}

// -H^-1 g over the components that are free to move; false where H has no inverse there.
bool direction(const HuberModel& m, const std::array<Vector, kMaxFree>& h, const Vector& g,
               const std::array<bool, kMaxFree>& held, Vector& d) {
  std::array<std::size_t, kMaxFree> index{};
  std::size_t n = 0;
  for (std::size_t k = 0; k < m.size; ++k) {
    if (!held[k]) index[n++] = k;
  }
  std::array<Vector, kMaxFree> a{};
  Vector b{};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) a[i][j] = h[index[i]][index[j]];
    b[i] = -g[index[i]];
  }
  d = Vector{};
  if (!solve_spd(a, b, n)) return false;
  for (std::size_t i = 0; i < n; ++i) d[index[i]] = b[i];
  return true;
}

// The t in 0 .. most at which the derivative along d vanishes (it rises with t), or most.
double line_minimum(const HuberModel& m, const std::vector<double>& u, const std::vector<double>& v, const Vector& s,
                    const Vector& d, double most) {
  const auto derivative = [&](double t) {
    double sum = 0;
    for (std::size_t i = 0; i < u.size(); ++i) {
      sum += m.weights[i] * std::clamp(u[i] + t * v[i], -m.delta, m.delta) * v[i];
    }
    for (std::size_t k = 0; k < m.size; ++k) sum += m.damping[k] * (s[k] + t * d[k]) * d[k];
    return sum;
  };
  double low = 0, f_low = derivative(0), high = std::min(1.0, most), f_high = derivative(high);
  if (!(f_low < 0)) return 0;
  const double enough = 1e-13 * -f_low;
  if (std::abs(f_high) <= enough) return high;
  while (f_high < 0) {
    if (high >= most || high > 1e9) return high;
    low = high;
    f_low = f_high;
    high = std::min(4 * high, most);
    f_high = derivative(high);
  }
  int side = 0;
  for (int i = 0; i < 60 && high - low > 1e-15 * high; ++i) {
    double t = (f_high * low - f_low * high) / (f_high - f_low);
    if (i % 4 == 3 || !(t > low && t < high)) t = 0.5 * (low + high);
    const double f = derivative(t);
    if (std::abs(f) <= enough) return t;
    if (f > 0) {
      high = t;
      f_high = f;
      if (side == 1) f_low /= 2;
      side = 1;
    } else {
      low = t;
      f_low = f;
      if (side == -1) f_high /= 2;
      side = -1;
    }
  }
  return 0.5 * (low + high);
}

}  // namespace

Vector huber_curvature(const HuberModel& m) {
  Vector sum{};
  for (std::size_t i = 0; i < m.residual.size(); ++i) {
    const double size = std::abs(m.residual[i]);
    const double share = size > m.delta ? m.weights[i] * (m.delta / size) : m.weights[i];
    for (std::size_t k = 0; k < m.size; ++k) sum[k] += share * m.jacobian[i * m.size + k] * m.jacobian[i * m.size + k];
  }
  return sum;
}

HuberStep huber_step(const HuberModel& m) {
  constexpr int kSteps = 60;
  HuberStep out;
  std::vector<double> u(m.residual.begin(), m.residual.end()), v(u.size());
  double start = 0, value = 0;
  for (int step = 0; step < kSteps; ++step) {
    // Reweighted steps find the neighbourhood, where Newton's end in a finite number of pieces.
    const bool rough = step < 3 && std::isfinite(m.delta);
    Piece p = piece_at(m, u, out.change, rough);
    value = p.value;
    if (step == 0) start = value;
    std::array<bool, kMaxFree> held{};
    for (std::size_t k = 0; k < m.size; ++k) {
      held[k] = (out.change[k] <= m.low[k] && p.gradient[k] > 0) || (out.change[k] >= m.high[k] && p.gradient[k] < 0);
    }
    Vector d{};
    if (!direction(m, p.hessian, p.gradient, held, d)) {
      if (rough) break;
      p = piece_at(m, u, out.change, true);
      if (!direction(m, p.hessian, p.gradient, held, d)) break;
    }
    double slope = 0;
    for (std::size_t k = 0; k < m.size; ++k) slope += p.gradient[k] * d[k];
    if (!(-slope > std::max(1e-15 * value, m.share * (start - value)))) break;
    double most = kInfinity;
    std::size_t hit = m.size;
    for (std::size_t k = 0; k < m.size; ++k) {
      const double room = d[k] > 0 ? (m.high[k] - out.change[k]) / d[k] : (m.low[k] - out.change[k]) / d[k];
      if (d[k] != 0 && room < most) {
        most = std::max(room, 0.0);
        hit = k;
      }
    }
    for (std::size_t i = 0; i < u.size(); ++i) {
      v[i] = 0;
      for (std::size_t k = 0; k < m.size; ++k) v[i] += m.jacobian[i * m.size + k] * d[k];
    }
    const double t = line_minimum(m, u, v, out.change, d, most);
    for (std::size_t k = 0; k < m.size; ++k) out.change[k] = std::clamp(out.change[k] + t * d[k], m.low[k], m.high[k]);
    if (t == most && hit < m.size) out.change[hit] = d[hit] > 0 ? m.high[hit] : m.low[hit];
    for (std::size_t i = 0; i < u.size(); ++i) u[i] += t * v[i];
    if (t == 0 && hit == m.size) break;
  }
  value = piece_at(m, u, out.change, false).value;
  out.decrease = start - value;
  return out;
}

}  // namespace scalelaw::inline fit
