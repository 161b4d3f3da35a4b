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
  vector_exp(x, y);
  EXPECT_EQ(y[0], 1.0);
  double worst = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    worst = std::max(worst, ulps(y[i], std::exp(static_cast<long double>(x[i]))));
  EXPECT_LT(worst, 2.0);
}

TEST(VectorMath, LogIsWithinTwoUlpsAlsoNearOne) {
  Rng rng = make_rng(1, "log");
  std::vector<double> x(40000), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double u = uniform01(rng) - 0.5;
    x[i] = i % 2 == 0 ? 1 + 1e-2 * u : std::exp(1300 * u);
  }
  x[0] = 1;
  vector_log(x, y);
  EXPECT_EQ(y[0], 0.0);
  double worst = 0;
  for (std::size_t i = 1; i < x.size(); ++i)
    worst = std::max(worst, ulps(y[i], std::log(static_cast<long double>(x[i]))));
  EXPECT_LT(worst, 2.0);
}

}  // namespace
}  // namespace scalelaw
