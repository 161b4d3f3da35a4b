#include "sim/reanchor.hpp"

#include <algorithm>
#include <cmath>

#include "core/linear_algebra.hpp"

namespace scalelaw::inline sim {
namespace {

/// Non-negative least squares for a few columns: the solution is the best among the unconstrained ones over all subsets
/// of columns that come out non-negative.
Eigen::VectorXd nonnegative_least_squares(const Eigen::MatrixXd& columns, const Eigen::VectorXd& target) {
  const Eigen::Index n = columns.cols();
  Eigen::VectorXd best = Eigen::VectorXd::Zero(n);
  double least = target.squaredNorm();
  for (unsigned subset = 1; subset < (1U << static_cast<unsigned>(n)); ++subset) {
    std::vector<Eigen::Index> chosen;
    for (Eigen::Index j = 0; j < n; ++j) {
      if ((subset >> static_cast<unsigned>(j) & 1U) != 0) chosen.push_back(j);
    }
    const Eigen::MatrixXd part = columns(Eigen::all, chosen);
    const Eigen::VectorXd x = least_squares(part, target);
    const double residual = (part * x - target).squaredNorm();
    if (x.minCoeff() < 0 || residual >= least) continue;
    least = residual;
    best.setZero();
    best(chosen) = x;
  }
  return best;
}

/// The terms in the order of the columns: those of an exponent, then the offset, unless it is one that this law leaves
/// out, and what repetition alone shows. Empty where the law is not linear in its amplitudes at these points: with a
/// law of repeated data and such data; or where its steps are not those of the points (S_min follows from the loss
/// itself).
std::vector<LinearTerm> terms_of(const Law& law, const std::vector<Observation>& points) {
  const LawForm& form = law.form();
  const bool repeats =
      std::ranges::any_of(points, [](const Observation& p) { return p.unique_tokens.value_or(p.tokens) < p.tokens; });
  if (form.linear == nullptr || form.needs(Quantity::steps) || (form.knows_repetition() && repeats)) return {};
  std::vector<LinearTerm> terms = form.linear(law.values).terms;
  std::erase_if(terms, [&](const LinearTerm& term) {
    const Constant& constant = form.constants[term.constant];
    return constant.repetition || (constant.optional && !(law.values[term.constant] > 0));
  });
  std::stable_partition(terms.begin(), terms.end(), [](const LinearTerm& term) { return term.variable != nullptr; });
  return terms;
}

Eigen::VectorXd column_of(const LinearTerm& term, const Law& law, const std::vector<Observation>& points) {
  Eigen::VectorXd column = Eigen::VectorXd::Ones(static_cast<Eigen::Index>(points.size()));
  for (Eigen::Index i = 0; term.variable != nullptr && i < column.size(); ++i) {
    const double x = term.variable(law.values, law_point(points[static_cast<std::size_t>(i)]));
    column(i) = term.exponent == 1 ? 1 / x : std::pow(x, -term.exponent);
  }
  return column;
}

}  // namespace

std::optional<Law> reanchor(const Law& law, const std::vector<Observation>& points) {
  const std::vector<LinearTerm> terms = terms_of(law, points);
  if (terms.empty() || points.size() < terms.size()) return std::nullopt;
  const double power = law.form().linear(law.values).power;

  const auto rows = static_cast<Eigen::Index>(points.size()), count = static_cast<Eigen::Index>(terms.size());
  Eigen::MatrixXd columns(rows, count);
  for (Eigen::Index j = 0; j < count; ++j) {
    columns.col(j) = column_of(terms[static_cast<std::size_t>(j)], law, points);
  }
  Eigen::VectorXd target(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const Observation& point = points[static_cast<std::size_t>(i)];
    target(i) = std::sqrt(point.weight);
    columns.row(i) *= target(i) / std::pow(point.loss_nats, power);
  }
  const Eigen::VectorXd sizes = columns.colwise().norm();  // columns of one size: amplitudes differ by many decades
  for (Eigen::Index j = 0; j < count; ++j) columns.col(j) /= sizes(j);
  const Eigen::VectorXd amplitudes = nonnegative_least_squares(columns, target).cwiseQuotient(sizes);

  Law anchored = law;
  for (Eigen::Index j = 0; j < count; ++j) {
    const LinearTerm& term = terms[static_cast<std::size_t>(j)];
    if (term.variable != nullptr && !(amplitudes(j) > 0)) return std::nullopt;
    anchored.values[term.constant] = term.root == 1 ? amplitudes(j) : std::pow(amplitudes(j), 1 / term.root);
  }
  anchored.name = law.name + " (amplitudes refitted)";
  anchored.source = law.source + "; exponents kept, amplitudes refitted to the points";
  anchored.range = {};
  return anchored;
}

}  // namespace scalelaw::inline sim
