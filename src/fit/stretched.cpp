#include "fit/stretched.hpp"

#include <cmath>

namespace scalelaw::inline fit {
namespace {

// Legend, for one point: x = ln N, y = ln D.
//   f1, f2, f3   = c phi(power, x) + d, coordinates (c, power, d): where centred phi = (e^(power u) - 1)/power with
//                u = x - centre, so c is the slope there and d the level; elsewhere phi = e^(power x), c = a and d = b
//   p, q, k      = e^f3, e^(f2 - k y), e^f1, and the loss is p + q
//
// Derivation. The loss has the derivatives, with w = k y,
//   by f1 -w q, by f2 q, by f3 p;   twice by f1 w (w - 1) q, by f2 q, by f3 p, by f1 and f2 -w q, others 0.
// A function has by (c, power, d) the derivatives g = (phi, c phi', 1), phi' by the power, and twice phi' by c and the
// power and c phi'' by the power; others 0. So by coordinates i of f and j of h the loss has
//   L_fh g_i g_j, and for one function beside it L_f f_ij.
//
// Passes: 1. phi and its derivatives; 2. the loss and its derivatives by the functions; 3. the gradient; 4. the
// Hessian.

struct Phi {
  double value = 0, first = 0, second = 0;  // by the power
};

// (e^z - 1)/z and its derivatives by z. Near 0, where they cancel, from the series: z^k/(k + 1)!, 14 terms of which
// leave less than round-off at z = 0.5.
Phi divided_exponential(double z) {
  if (std::abs(z) > 0.5) {
    const double e = std::exp(z);
    return {.value = std::expm1(z) / z,
            .first = (e * (z - 1) + 1) / (z * z),
            .second = (e * (z * z - 2 * z + 2) - 2) / (z * z * z)};
  }
  constexpr int kTerms = 14;
  Phi sum{.value = 1};
  double factorial = 1, before = 0, power = 1;  // of term k: (k + 1)!, z^(k - 2) and z^(k - 1)
  for (int k = 1; k < kTerms; ++k) {
    factorial *= k + 1;
    sum.value += power * z / factorial;
    sum.first += k * power / factorial;
    sum.second += k * (k - 1) * before / factorial;
    before = power;
    power *= z;
  }
  return sum;
}

// 1. phi at x.
Phi phi_at(const StretchedPlaces& places, std::size_t function, double power, double x) {
  if (places.centred[function]) {
    const double u = x - places.at;
    const Phi of_z = divided_exponential(power * u);
    return {.value = u * of_z.value, .first = u * u * of_z.first, .second = u * u * u * of_z.second};
  }
  const double e = std::exp(power * x);
  return {.value = e, .first = x * e, .second = x * x * e};
}

}  // namespace

void stretched_loss(const StretchedPlaces& places, const StretchedTheta& theta, double log_params, double log_tokens,
                    bool second_order, StretchedLoss& out) {
  constexpr std::size_t kFunctions = StretchedPlaces::kFunctions;
  std::array<Phi, kFunctions> phi;
  std::array<double, kFunctions> f{};
  for (std::size_t i = 0; i < kFunctions; ++i) {
    phi[i] = phi_at(places, i, theta[3 * i + 1], log_params);
    f[i] = theta[3 * i] * phi[i].value + theta[3 * i + 2];
  }
  // 2. The loss.
  const double w = std::exp(f[0]) * log_tokens, q = std::exp(f[1] - w), p = std::exp(f[2]);
  out.value = p + q;
  const double wq = q > 0 ? w * q : 0;
  const std::array<double, kFunctions> by = {-wq, q, p};
  // 3. The gradient.
  StretchedTheta g{};
  for (std::size_t i = 0; i < kFunctions; ++i) {
    g[3 * i] = phi[i].value;
    g[3 * i + 1] = theta[3 * i] * phi[i].first;
    g[3 * i + 2] = 1;
    for (std::size_t k = 3 * i; k < 3 * i + 3; ++k) out.gradient[k] = by[i] * g[k];
  }
  if (!second_order) return;
  // 4. The Hessian.
  const std::array<std::array<double, kFunctions>, kFunctions> twice = {
      {{q > 0 ? wq * (w - 1) : 0, -wq, 0}, {-wq, q, 0}, {0, 0, p}}};
  for (std::size_t k = 0; k < g.size(); ++k) {
    for (std::size_t l = 0; l < g.size(); ++l) out.hessian[k][l] = twice[k / 3][l / 3] * g[k] * g[l];
  }
  for (std::size_t i = 0; i < kFunctions; ++i) {
    const std::size_t c = 3 * i, power = c + 1;
    out.hessian[c][power] += by[i] * phi[i].first;
    out.hessian[power][c] += by[i] * phi[i].first;
    out.hessian[power][power] += by[i] * theta[c] * phi[i].second;
  }
}

}  // namespace scalelaw::inline fit
