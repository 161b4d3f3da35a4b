#include "core/linear_algebra.hpp"

#include <Eigen/Dense>
#include <limits>

namespace scalelaw::inline core {

Eigen::VectorXd least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
  return a.colPivHouseholderQr().solve(b);
}

Eigen::VectorXd full_rank_least_squares(const Eigen::MatrixXd& a, const Eigen::VectorXd& b) {
  return a.householderQr().solve(b);
}

LeftOver left_over(const Eigen::MatrixXd& a, const Eigen::VectorXd& b, double threshold) {
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(a.rows(), a.cols());
  qr.setThreshold(threshold);
  qr.compute(a);
  return {(b - a * qr.solve(b)).squaredNorm(), qr.rank()};
}

double squared_condition(const Eigen::MatrixXd& a) {
  const Eigen::VectorXd singular = a.jacobiSvd().singularValues();
  const double smallest = singular(singular.size() - 1), ratio = singular(0) / smallest;
  return smallest > 0 ? ratio * ratio : std::numeric_limits<double>::infinity();
}

Eigen::MatrixXd inverse_of_squares(const Eigen::MatrixXd& a) { return (a.transpose() * a).inverse(); }

std::optional<InverseForm> inverse_form(const Eigen::MatrixXd& c, const Eigen::VectorXd& b) {
  const Eigen::LLT<Eigen::MatrixXd> factors(c);
  if (factors.info() != Eigen::Success) return std::nullopt;
  return InverseForm{.log_determinant = 2 * factors.matrixLLT().diagonal().array().log().sum(),
                     .value = factors.matrixL().solve(b).squaredNorm()};
}

}  // namespace scalelaw::inline core
