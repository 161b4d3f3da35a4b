#include "core/linear_algebra.hpp"

#include <gtest/gtest.h>

#include <Eigen/Dense>

#include "core/rng.hpp"

namespace scalelaw {
namespace {

Eigen::MatrixXd random_matrix(Rng& rng, Eigen::Index rows, Eigen::Index columns) {
  Eigen::MatrixXd a(rows, columns);
  for (Eigen::Index i = 0; i < a.size(); ++i) a(i) = standard_normal(rng);
  return a;
}

TEST(LinearAlgebra, WhatLeastSquaresLeavesIsAtRightAnglesToEveryColumn) {
  Rng rng(1);
  for (int trial = 0; trial < 50; ++trial) {
    const Eigen::Index m = 1 + trial % 5, n = m + trial % 7;
    const Eigen::MatrixXd a = random_matrix(rng, n, m);
    const Eigen::VectorXd b = random_matrix(rng, n, 1);
    for (const Eigen::VectorXd& x : {least_squares(a, b), full_rank_least_squares(a, b)}) {
      EXPECT_LT((a.transpose() * (b - a * x)).cwiseAbs().maxCoeff(), 1e-10) << n << " x " << m;
      const LeftOver left = left_over(a, b, 1e-9);
      EXPECT_EQ(left.rank, m);
      EXPECT_NEAR(left.squares, (b - a * x).squaredNorm(), 1e-10);
    }
  }
}

TEST(LinearAlgebra, ADependentColumnAddsNothing) {
  Rng rng(2);
  const Eigen::MatrixXd a = random_matrix(rng, 9, 3);
  const Eigen::VectorXd b = random_matrix(rng, 9, 1);
  Eigen::MatrixXd more(9, 4);
  more << a, 2 * a.col(0) - a.col(2);
  const LeftOver left = left_over(more, b, 1e-9);
  EXPECT_EQ(left.rank, 3);
  EXPECT_NEAR(left.squares, left_over(a, b, 1e-9).squares, 1e-10);
  EXPECT_NEAR((b - more * least_squares(more, b)).squaredNorm(), left.squares, 1e-10);
}

TEST(LinearAlgebra, TheConditionIsThatOfTheSquares) {
  Rng rng(3);
  const Eigen::MatrixXd a = random_matrix(rng, 8, 3);
  const Eigen::Vector3d values = Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d>(a.transpose() * a).eigenvalues();
  EXPECT_NEAR(squared_condition(a), values(2) / values(0), 1e-9 * values(2) / values(0));
  Eigen::MatrixXd flat = a;
  flat.col(1).setZero();
  EXPECT_TRUE(std::isinf(squared_condition(flat)));
}

TEST(LinearAlgebra, TheInverseOfSquaresTimesThemIsOne) {
  Rng rng(4);
  const Eigen::MatrixXd a = random_matrix(rng, 8, 3);
  const Eigen::MatrixXd one = inverse_of_squares(a) * (a.transpose() * a);
  EXPECT_LT((one - Eigen::MatrixXd::Identity(3, 3)).cwiseAbs().maxCoeff(), 1e-12);
}

}  // namespace
}  // namespace scalelaw
