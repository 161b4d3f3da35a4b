#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/rng.hpp"
#include "fit/surface.hpp"

namespace scalelaw {
namespace {

// Error in units of the last place of the correctly rounded result.
double ulps(double got, long double exact) {
  const double rounded = static_cast<double>(exact);
  const double ulp = std::nextafter(std::abs(rounded), INFINITY) - std::abs(rounded);
  return static_cast<double>(std::abs((static_cast<long double>(got) - exact) / static_cast<long double>(ulp)));
}

TEST(VectorMath, ExpIsWithinTwoUlps) {
  Rng rng = make_rng(1, "exp");
  std::vector<double> x(40000), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (uniform01(rng) - 0.5) * (i % 2 == 0 ? 2.0 : 1300.0);
  x[0] = 0;
  for (const SurfaceKernel& kernel : surface_kernels()) {
    kernel.exp(x.data(), y.data(), x.size());
    EXPECT_EQ(y[0], 1.0);
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, ulps(y[i], std::exp(static_cast<long double>(x[i]))));
    EXPECT_LT(worst, 2.0) << kernel.name;
  }
}

TEST(VectorMath, LogIsWithinTwoUlpsAlsoNearOne) {
  Rng rng = make_rng(1, "log");
  std::vector<double> x(40000), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = uniform01(rng) - 0.5;
    x[i] = i % 2 == 0 ? 1 + 1e-2 * u : std::exp(1300 * u);
  }
  x[0] = 1;
  for (const SurfaceKernel& kernel : surface_kernels()) {
    kernel.log(x.data(), y.data(), x.size());
    EXPECT_EQ(y[0], 0.0);
    double worst = 0;
    for (std::size_t i = 1; i < x.size(); ++i)
      worst = std::max(worst, ulps(y[i], std::log(static_cast<long double>(x[i]))));
    EXPECT_LT(worst, 2.0) << kernel.name;
  }
}

TEST(SurfaceKernels, AgreeWithPlainLoops) {
  // Objective, gradient and Hessian over 37 points (padded to 40) in each instruction set that this processor has.
  Rng rng = make_rng(1, "kernels");
  SurfacePoints p;
  std::vector<double> weights;
  for (std::size_t i = 0; i < surface_padded(37); ++i) {
    p.log_params.push_back(6 * (uniform01(rng) - 0.5));
    p.log_tokens.push_back(6 * (uniform01(rng) - 0.5));
    const double loss = 1.8 + 0.5 * std::exp(-0.3 * p.log_params[i]) + 0.6 * std::exp(-0.4 * p.log_tokens[i]);
    p.loss.push_back(loss * std::exp(0.01 * (uniform01(rng) - 0.5)));
    p.inverse_loss.push_back(1 / p.loss[i]);
    weights.push_back(i < 37 ? static_cast<double>(i % 3) : 0.0);
  }
  const SurfaceTheta theta = {std::log(1.79), std::log(0.51), std::log(0.6), 0.31, 0.39};
  ASSERT_STREQ(surface_kernels().back().name, "plain");
  for (const bool logs : {true, false}) {
    for (const bool second : {true, false}) {
      double value = 0;
      std::array<double, 5> gradient{};
      std::array<std::array<double, 5>, 5> hessian{};
      for (std::size_t i = 0; i < 37; ++i) {
        const double x = p.log_params[i], y = p.log_tokens[i];
        const std::array<double, 3> q = {std::exp(theta[0]), std::exp(theta[1] - theta[3] * x),
                                         std::exp(theta[2] - theta[4] * y)};
        const double predicted = q[0] + q[1] + q[2];
        const double r = logs ? std::log(predicted / p.loss[i]) : predicted - p.loss[i];
        const bool inside = !logs || std::abs(r) <= 3e-3;
        const double psi = inside ? r : std::copysign(3e-3, r), w = weights[i];
        value += w * (inside ? 0.5 * r * r : 3e-3 * (std::abs(r) - 1.5e-3));
        const double scale = logs ? predicted : 1;
        // d r / d theta, and sum over the terms of term * u u' / scale for the second derivative
        const std::array<double, 5> d = {q[0] / scale, q[1] / scale, q[2] / scale, -x * q[1] / scale,
                                         -y * q[2] / scale};
        const std::array<std::array<double, 5>, 3> u = {{{1, 0, 0, 0, 0}, {0, 1, 0, -x, 0}, {0, 0, 1, 0, -y}}};
        for (std::size_t j = 0; j < 5; ++j) {
          gradient[j] += w * psi * d[j];
          for (std::size_t k = 0; k < 5; ++k) {
            double curved = logs ? -d[j] * d[k] : 0;
            for (std::size_t t = 0; t < 3; ++t) curved += q[t] / scale * u[t][j] * u[t][k];
            hessian[j][k] += w * ((inside ? d[j] * d[k] : 0) + (second ? psi * curved : 0));
          }
        }
      }
      for (const SurfaceKernel& kernel : surface_kernels()) {
        SurfaceSums sums;
        surface_sums(kernel, p, weights, theta, logs, 3e-3, second, sums);
        EXPECT_NEAR(sums.value / value, 1, 1e-11) << kernel.name;
        for (std::size_t j = 0; j < 5; ++j) {
          EXPECT_NEAR(sums.gradient[j], gradient[j], 1e-11 * (1 + std::abs(gradient[j]))) << kernel.name << " " << j;
          for (std::size_t k = 0; k < 5; ++k) {
            EXPECT_NEAR(sums.hessian[j][k], hessian[j][k], 1e-10 * (1 + std::abs(hessian[j][k])))
                << kernel.name << " " << j << k;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace scalelaw
