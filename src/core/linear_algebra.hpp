#pragma once
// Small dense least squares and singular values: Eigen's decompositions, compiled once.
#include <Eigen/Core>
#include <optional>

namespace scalelaw::inline core {

/// argmin |a x - b| by QR with pivoted columns; where columns depend on others, a solution with zeros for them.
/// @param a [n, m] @param b [n] @return [m]
[[nodiscard]] Eigen::VectorXd least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);
/// The same by QR in the order of the columns, which have to be independent.
[[nodiscard]] Eigen::VectorXd full_rank_least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b);

/// What least squares leaves over.
struct LeftOver {
  double squares = 0;  ///< |a x - b|^2
  Eigen::Index rank = 0;
};
/// @param threshold columns below this share of the largest pivot count as dependent on the others
[[nodiscard]] LeftOver left_over(const Eigen::MatrixXd& a, const Eigen::VectorXd& b, double threshold);

/// Largest over smallest singular value, squared (the condition of a^T a); infinity where the smallest is 0.
[[nodiscard]] double squared_condition(const Eigen::MatrixXd& a);

/// The inverse of a^T a. @param a [n, m], its columns independent @return [m, m]
[[nodiscard]] Eigen::MatrixXd inverse_of_squares(const Eigen::MatrixXd& a);

/// Of a symmetric positive definite matrix c: ln |c|, and b' c^-1 b.
struct InverseForm {
  double log_determinant = 0, value = 0;
};
/// By Cholesky's factors; none where c is not positive definite. Reads the lower triangle.
[[nodiscard]] std::optional<InverseForm> inverse_form(const Eigen::MatrixXd& c, const Eigen::VectorXd& b);

}  // namespace scalelaw::inline core
