// The sums over points of the law E + (A/N^alpha + B/D^beta)^k, in every instruction set that this processor has.
#include "fit/outer_surface.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.hpp"

namespace scalelaw {
namespace {

constexpr std::size_t kPoints = 37;
constexpr double kDelta = 3e-3;

struct Study {
  SurfacePoints points;
  std::vector<double> weights;
};

// 37 points, padded to 40, some of weight 0, whose residuals from theta lie on both sides of delta.
Study study_about(const OuterTheta& theta, std::uint64_t seed) {
  Rng rng = make_rng(seed, "outer kernels");
  Study s;
  for (std::size_t i = 0; i < surface_padded(kPoints); ++i) {
    const double x = 6 * (uniform01(rng) - 0.5), y = 6 * (uniform01(rng) - 0.5);
    s.points.log_params.push_back(x);
    s.points.log_tokens.push_back(y);
    const double term = std::pow(
        std::exp((theta[1] - theta[3] * x) / theta[5]) + std::exp((theta[2] - theta[4] * y) / theta[5]), theta[5]);
    s.points.loss.push_back((std::exp(theta[0]) + term) * std::exp(0.02 * (uniform01(rng) - 0.5)));
    s.points.inverse_loss.push_back(1 / s.points.loss[i]);
    s.weights.push_back(i < kPoints ? static_cast<double>(i % 3) : 0.0);
  }
  return s;
}

std::vector<OuterTheta> thetas() {
  std::vector<OuterTheta> out;
  for (const double k : {0.05, 0.2, 0.386, 0.77, 1.0, 1.8, 10.0}) {
    out.push_back({std::log(1.79), std::log(0.51), std::log(0.6), 0.31, 0.39, k});
    out.push_back({std::log(0.2), std::log(1.7), std::log(1e-3), 0.9, 0.05, k});
  }
  out.push_back({-INFINITY, std::log(1.7), std::log(1.2), 0.2, 0.3, 0.4});  // E = 0
  return out;
}

// The same sums in plain loops: two chains of the product and quotient rules over E + s^k, s = e^(U/k) + e^(V/k).
OuterSums plain_sums(const Study& study, const OuterTheta& theta, bool logs, bool second) {
  OuterSums out;
  const double k = theta[5];
  for (std::size_t i = 0; i < kPoints; ++i) {
    const double x = study.points.log_params[i], y = study.points.log_tokens[i];
    // u = U/k and v = V/k with their first and second derivatives in (ln E, p, q, alpha', beta', k).
    const double u = (theta[1] - theta[3] * x) / k, v = (theta[2] - theta[4] * y) / k;
    const std::array<double, 6> du = {0, 1 / k, 0, -x / k, 0, -u / k}, dv = {0, 0, 1 / k, 0, -y / k, -v / k};
    const auto second_of = [&](const std::array<double, 6>& d, std::size_t a, std::size_t b) {
      if (a != 5 && b != 5) return 0.0;
      return (a == 5 && b == 5 ? -2 : -1) * (a == 5 ? d[b] : d[a]) / k;  // u is 1/k times what is linear
    };
    const double most = std::max(u, v), su = std::exp(u - most), sv = std::exp(v - most), sum = su + sv;
    const double log_s = most + std::log(sum), offset = std::exp(theta[0]), term = std::exp(k * log_s);
    const double predicted = offset + term, scale = logs ? predicted : 1;
    std::array<double, 6> d_log_s{}, d_term{}, dr{};
    for (std::size_t a = 0; a < 6; ++a) {
      d_log_s[a] = (su * du[a] + sv * dv[a]) / sum;
      d_term[a] = term * (k * d_log_s[a] + (a == 5 ? log_s : 0));
      dr[a] = (d_term[a] + (a == 0 ? offset : 0)) / scale;
    }
    const double r = logs ? std::log(predicted / study.points.loss[i]) : predicted - study.points.loss[i];
    const bool inside = !logs || std::abs(r) <= kDelta;
    const double psi = inside ? r : std::copysign(kDelta, r), w = study.weights[i];
    out.value += w * (inside ? 0.5 * r * r : kDelta * (std::abs(r) - kDelta / 2));
    for (std::size_t a = 0; a < 6; ++a) {
      out.gradient[a] += w * psi * dr[a];
      for (std::size_t b = 0; b < 6; ++b) {
        const double curved_s =
            (su * (du[a] * du[b] + second_of(du, a, b)) + sv * (dv[a] * dv[b] + second_of(dv, a, b))) / sum -
            d_log_s[a] * d_log_s[b];
        const double curved_log = k * curved_s + (a == 5 ? d_log_s[b] : 0) + (b == 5 ? d_log_s[a] : 0);
        const double curved_term = term * curved_log + (term > 0 ? d_term[a] * d_term[b] / term : 0);
        const double curved = (curved_term + (a == 0 && b == 0 ? offset : 0)) / scale - (logs ? dr[a] * dr[b] : 0);
        out.hessian[a][b] += w * ((inside ? dr[a] * dr[b] : 0) + (second ? psi * curved : 0));
      }
    }
  }
  return out;
}

TEST(OuterKernels, AgreeWithPlainLoops) {
  ASSERT_STREQ(outer_kernels().back().name, "plain");
  std::uint64_t seed = 0;
  for (const OuterTheta& theta : thetas()) {
    const Study study = study_about(theta, ++seed);
    for (const bool logs : {true, false}) {
      for (const bool second : {true, false}) {
        const OuterSums plain = plain_sums(study, theta, logs, second);
        for (const OuterKernel& kernel : outer_kernels()) {
          OuterSums sums;
          outer_sums(kernel, study.points, study.weights, theta, logs, kDelta, second, sums);
          EXPECT_NEAR(sums.value / plain.value, 1, 1e-10) << kernel.name << " k " << theta[5];
          for (std::size_t j = 0; j < 6; ++j) {
            // A second derivative in k holds (U/k)^2 / k, of which the plain loops cancel most.
            const double size = 1 + std::abs(plain.hessian[j][j]);
            EXPECT_NEAR(sums.gradient[j], plain.gradient[j], 1e-11 * (1 + std::abs(plain.gradient[j])))
                << kernel.name << " k " << theta[5] << " " << j;
            for (std::size_t l = 0; l < 6; ++l) {
              EXPECT_NEAR(sums.hessian[j][l], plain.hessian[j][l], 1e-10 * (size + std::abs(plain.hessian[l][l])))
                  << kernel.name << " k " << theta[5] << " " << j << l;
            }
          }
        }
      }
    }
  }
}

TEST(OuterKernels, TheirDerivativesAreDifferencesOfTheValue) {
  std::uint64_t seed = 100;
  for (const OuterTheta& theta : thetas()) {
    if (!std::isfinite(theta[0])) continue;
    const Study study = study_about(theta, ++seed);
    const auto at = [&](const OuterTheta& t, bool logs) {
      OuterSums sums;
      outer_sums(study.points, study.weights, t, logs, INFINITY, true, sums);  // smooth: no kinks between differences
      return sums;
    };
    for (const bool logs : {true, false}) {
      const OuterSums here = at(theta, logs);
      for (std::size_t j = 0; j < 6; ++j) {
        const double h = 1e-6 * (j == 5 ? theta[5] : 1.0);
        OuterTheta up = theta, down = theta;
        up[j] += h;
        down[j] -= h;
        const OuterSums high = at(up, logs), low = at(down, logs);
        EXPECT_NEAR(here.gradient[j], (high.value - low.value) / (2 * h), 1e-6 * (1 + std::abs(here.gradient[j])))
            << "k " << theta[5] << " " << j;
        for (std::size_t l = 0; l < 6; ++l) {
          EXPECT_NEAR(here.hessian[j][l], (high.gradient[l] - low.gradient[l]) / (2 * h),
                      1e-6 * (1 + std::abs(here.hessian[j][j]) + std::abs(here.hessian[l][l])))
              << "k " << theta[5] << " " << j << l;
        }
      }
    }
  }
}

TEST(OuterKernels, AtPowerOneAreThoseOfChinchilla) {
  const OuterTheta theta = {std::log(1.79), std::log(0.51), std::log(0.6), 0.31, 0.39, 1};
  const Study study = study_about(theta, 7);
  for (const bool logs : {true, false}) {
    OuterSums ours;
    SurfaceSums theirs;
    outer_sums(study.points, study.weights, theta, logs, kDelta, true, ours);
    surface_sums(study.points, study.weights, {theta[0], theta[1], theta[2], theta[3], theta[4]}, logs, kDelta, true,
                 theirs);
    EXPECT_NEAR(ours.value / theirs.value, 1, 1e-12);
    for (std::size_t j = 0; j < 5; ++j) {
      EXPECT_NEAR(ours.gradient[j], theirs.gradient[j], 1e-12);
      for (std::size_t l = 0; l < 5; ++l) EXPECT_NEAR(ours.hessian[j][l], theirs.hessian[j][l], 1e-11);
    }
  }
}

TEST(OuterKernels, OnePointAgreesWithTheSums) {
  for (const OuterTheta& theta : thetas()) {
    const double x = 1.3, y = -0.7, h = 1e-6;
    const OuterTerm at = outer_term(theta, x, y);
    const double k = theta[5];
    const double plain =
        k * std::log(std::exp((theta[1] - theta[3] * x) / k) + std::exp((theta[2] - theta[4] * y) / k));
    EXPECT_NEAR(at.log_term, plain, 1e-12 * (1 + std::abs(plain))) << k;
    for (std::size_t j = 1; j < 6; ++j) {
      OuterTheta up = theta, down = theta;
      up[j] += h * (j == 5 ? k : 1);
      down[j] -= h * (j == 5 ? k : 1);
      const double slope = (outer_term(up, x, y).log_term - outer_term(down, x, y).log_term) / (up[j] - down[j]);
      EXPECT_NEAR(at.slopes[j - 1], slope, 1e-7 * (1 + std::abs(slope))) << k << " " << j;
    }
  }
}

}  // namespace
}  // namespace scalelaw
