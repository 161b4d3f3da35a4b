#include "sim/reanchor.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
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

/// Amplitudes of the terms and the sum of squared errors of ln loss that they leave, to first order.
struct Amplitudes {
  Eigen::VectorXd values;
  double squares = 0;
};

/// (loss - offset)^power = sum of terms; relative errors of the left side are turned into those of the loss.
Amplitudes amplitudes_at(const Law& law, const std::vector<LinearTerm>& terms, const std::vector<Observation>& points,
                         double power, double offset) {
  const auto rows = static_cast<Eigen::Index>(points.size()), count = static_cast<Eigen::Index>(terms.size());
  Eigen::MatrixXd columns(rows, count);
  for (Eigen::Index j = 0; j < count; ++j) {
    columns.col(j) = column_of(terms[static_cast<std::size_t>(j)], law, points);
  }
  Eigen::VectorXd target(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    const Observation& point = points[static_cast<std::size_t>(i)];
    const double above = point.loss_nats - offset;
    target(i) = std::sqrt(point.weight);
    if (offset > 0) target(i) *= above / point.loss_nats / power;
    columns.row(i) *= target(i) / std::pow(above, power);
  }
  const Eigen::VectorXd sizes = columns.colwise().norm();  // columns of one size: amplitudes differ by many decades
  for (Eigen::Index j = 0; j < count; ++j) columns.col(j) /= sizes(j);
  const Eigen::VectorXd scaled = nonnegative_least_squares(columns, target);
  return {.values = scaled.cwiseQuotient(sizes), .squares = (columns * scaled - target).squaredNorm()};
}

/// The offset that leaves the least squares: a scan of shares of the least loss, refined.
double best_offset(const Law& law, const std::vector<LinearTerm>& terms, const std::vector<Observation>& points,
                   double power) {
  const double least = std::ranges::min(points, {}, &Observation::loss_nats).loss_nats;
  const auto squares = [&](double share) { return amplitudes_at(law, terms, points, power, share * least).squares; };
  constexpr int kScan = 40;
  int best = 1;
  for (int i = 1; i < kScan; ++i) {
    if (squares(static_cast<double>(i) / kScan) < squares(static_cast<double>(best) / kScan)) best = i;
  }
  const double low = std::max(best - 1, 0) + (best == 1 ? 1e-9 : 0.0), high = std::min<double>(best + 1, kScan - 0.01);
  return least * boost::math::tools::brent_find_minima(squares, low / kScan, high / kScan, 40).first;
}

}  // namespace

std::optional<Law> reanchor(const Law& law, const std::vector<Observation>& points) {
  const std::vector<LinearTerm> terms = terms_of(law, points);
  if (terms.empty() || points.size() < terms.size()) return std::nullopt;
  const LinearForm form = law.form().linear(law.values);
  Law anchored = law;
  if (form.subtracted) anchored.values[*form.subtracted] = best_offset(law, terms, points, form.power);
  const double offset = form.subtracted ? anchored.values[*form.subtracted] : 0;
  const Eigen::VectorXd amplitudes = amplitudes_at(law, terms, points, form.power, offset).values;
  const auto count = static_cast<Eigen::Index>(terms.size());
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
