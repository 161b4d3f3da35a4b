#include "core/newton.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace scalelaw {
namespace {

NewtonProblem boxed(std::size_t n, Evaluate evaluate) {
  NewtonProblem p{.size = n, .evaluate = std::move(evaluate), .lower = {}, .upper = {}, .max_step = {}};
  p.lower.fill(-100);
  p.upper.fill(100);
  p.max_step.fill(10);
  p.value_floor = 1e-30;
  return p;
}

// Rosenbrock's curved valley: 100 (y - x^2)^2 + (1 - x)^2, minimum 0 at (1, 1).
void rosenbrock(std::span<const double> t, LocalModel& at) {
  const double x = t[0], y = t[1], v = y - x * x;
  at.value = 100 * v * v + (1 - x) * (1 - x);
  at.gradient = {-400 * x * v - 2 * (1 - x), 200 * v};
  at.hessian[0] = {1200 * x * x - 400 * y + 2, -400 * x};
  at.hessian[1] = {-400 * x, 200};
}

TEST(Newton, FollowsACurvedValley) {
  const NewtonResult r = minimise(boxed(2, rosenbrock), {-1.2, 1.0}, {});
  EXPECT_EQ(r.status, NewtonStatus::converged);
  EXPECT_NEAR(r.theta[0], 1, 1e-10);
  EXPECT_NEAR(r.theta[1], 1, 1e-10);
  EXPECT_LT(r.evaluations, 80);
}

TEST(Newton, StoppedEarlyIsStalled) {
  const NewtonResult r = minimise(boxed(2, rosenbrock), {-1.2, 1.0}, {.max_evaluations = 5});
  EXPECT_EQ(r.status, NewtonStatus::stalled);
}

TEST(Newton, HoldsAVariableAtItsBound) {
  NewtonProblem p = boxed(2, rosenbrock);
  p.upper[0] = 0.5;
  const NewtonResult r = minimise(p, {-1.2, 1.0}, {});
  EXPECT_EQ(r.status, NewtonStatus::at_bound);
  EXPECT_TRUE(r.bound[0]);
  EXPECT_FALSE(r.bound[1]);
  EXPECT_DOUBLE_EQ(r.theta[0], 0.5);
  EXPECT_NEAR(r.theta[1], 0.25, 1e-10);
}

TEST(Newton, AFlatDirectionIsNotAMinimum) {
  // (x + y)^2 has a line of minima: the Hessian is singular, so a minimum is never proved.
  const NewtonResult r = minimise(boxed(2,
                                        [](std::span<const double> t, LocalModel& at) {
                                          const double s = t[0] + t[1];
                                          at.value = s * s + 1;
                                          at.gradient = {2 * s, 2 * s};
                                          at.hessian[0] = at.hessian[1] = {2, 2};
                                        }),
                                  {3, 1}, {});
  EXPECT_EQ(r.status, NewtonStatus::stalled);
}

TEST(Newton, LeavesASaddle) {
  // x^2 + (y^2 - 1)^2 from close to its saddle at the origin.
  const NewtonResult r = minimise(boxed(2,
                                        [](std::span<const double> t, LocalModel& at) {
                                          const double x = t[0], y = t[1], v = y * y - 1;
                                          at.value = x * x + v * v;
                                          at.gradient = {2 * x, 4 * y * v};
                                          at.hessian[0] = {2, 0};
                                          at.hessian[1] = {0, 12 * y * y - 4};
                                        }),
                                  {0.5, 1e-3}, {});
  EXPECT_EQ(r.status, NewtonStatus::converged);
  EXPECT_NEAR(std::abs(r.theta[1]), 1, 1e-10);
}

TEST(Newton, ANonFiniteStartDiverges) {
  const NewtonResult r = minimise(boxed(1, [](std::span<const double>, LocalModel& at) { at.value = NAN; }), {0}, {});
  EXPECT_EQ(r.status, NewtonStatus::diverged);
}

TEST(Newton, CholeskyRefusesIndefiniteMatrices) {
  std::array<Vector, kMaxFree> a{};
  a[0] = {1, 2};
  a[1] = {2, 1};
  Vector b = {1, 1};
  EXPECT_FALSE(solve_spd(a, b, 2));
  a[0] = {4, 2};
  a[1] = {2, 3};
  b = {2, 5};
  ASSERT_TRUE(solve_spd(a, b, 2));
  EXPECT_NEAR(b[0], -0.5, 1e-15);
  EXPECT_NEAR(b[1], 2, 1e-15);
}

}  // namespace
}  // namespace scalelaw
