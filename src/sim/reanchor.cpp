#include "sim/reanchor.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

namespace scalelaw {
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
    const Eigen::VectorXd x = part.colPivHouseholderQr().solve(target);
    const double residual = (part * x - target).squaredNorm();
    if (x.minCoeff() < 0 || residual >= least) continue;
    least = residual;
    best.setZero();
    best(chosen) = x;
  }
  return best;
}

/// loss^power = sum of amplitude * column; the first `needed` amplitudes belong to an exponent.
struct LinearForm {
  double power = 1;
  Eigen::MatrixXd columns;
  Eigen::Index needed = 0;
};

std::optional<LinearForm> linear_form(const Law& law, const std::vector<Observation>& points) {
  const auto n = static_cast<Eigen::Index>(points.size());
  const auto each = [&](auto&& function) {
    return Eigen::VectorXd::NullaryExpr(n,
                                        [&](Eigen::Index i) { return function(points[static_cast<std::size_t>(i)]); });
  };
  LinearForm form;
  switch (law.kind) {
    case LawKind::data_constrained:
      if (std::ranges::any_of(points,
                              [](const Observation& p) { return p.unique_tokens.value_or(p.tokens) < p.tokens; })) {
        return std::nullopt;  // with repeats the law is not linear in A and B
      }
      [[fallthrough]];
    case LawKind::chinchilla: {
      const double alpha = law.value("alpha"), beta = law.value("beta");
      form.columns.resize(n, 3);
      form.columns.col(0) = each([&](const Observation& p) { return std::pow(p.params, -alpha); });
      form.columns.col(1) = each([&](const Observation& p) { return std::pow(p.tokens, -beta); });
      form.columns.col(2).setOnes();
      form.needed = 2;
      return form;
    }
    case LawKind::kaplan: {
      const double ratio = law.value("alphaN") / law.value("alphaD");
      form.power = 1 / law.value("alphaD");
      form.columns.resize(n, 2);
      form.columns.col(0) = each([&](const Observation& p) { return std::pow(p.params, -ratio); });
      form.columns.col(1) = each([&](const Observation& p) { return 1 / p.tokens; });
      form.needed = 2;
      return form;
    }
    case LawKind::power_n:
    case LawKind::power_d:
    case LawKind::power_c: {
      const double alpha = law.value("alpha");
      form.columns = Eigen::MatrixXd::Ones(n, law.value("E") > 0 ? 2 : 1);
      form.columns.col(0) = each([&](const Observation& p) {
        const double x = law.kind == LawKind::power_n ? p.params : law.kind == LawKind::power_d ? p.tokens : p.flops;
        return std::pow(x, -alpha);
      });
      form.needed = 1;
      return form;
    }
    default:
      return std::nullopt;
  }
}

void set_value(Law& law, std::string_view name, double value) {
  const auto& names = law_info(law.kind).parameters;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) law.values[i] = value;
  }
}

}  // namespace

std::optional<Law> reanchor(const Law& law, const std::vector<Observation>& points) {
  std::optional<LinearForm> form = linear_form(law, points);
  if (!form || form->columns.rows() < form->columns.cols()) return std::nullopt;

  Eigen::VectorXd target(form->columns.rows());
  for (Eigen::Index i = 0; i < target.size(); ++i) {
    const Observation& point = points[static_cast<std::size_t>(i)];
    target(i) = std::sqrt(point.weight);
    form->columns.row(i) *= target(i) / std::pow(point.loss_nats, form->power);
  }
  const Eigen::VectorXd sizes =
      form->columns.colwise().norm();  // columns of one size: amplitudes differ by many decades
  for (Eigen::Index j = 0; j < sizes.size(); ++j) form->columns.col(j) /= sizes(j);
  const Eigen::VectorXd amplitudes = nonnegative_least_squares(form->columns, target).cwiseQuotient(sizes);
  if (amplitudes.head(form->needed).minCoeff() <= 0) return std::nullopt;

  Law anchored = law;
  if (law.kind == LawKind::chinchilla || law.kind == LawKind::data_constrained) {
    set_value(anchored, "A", amplitudes(0));
    set_value(anchored, "B", amplitudes(1));
    set_value(anchored, "E", amplitudes(2));
  } else if (law.kind == LawKind::kaplan) {
    set_value(anchored, "Nc", std::pow(amplitudes(0), law.value("alphaD") / law.value("alphaN")));
    set_value(anchored, "Dc", amplitudes(1));
  } else {
    set_value(anchored, "X", std::pow(amplitudes(0), 1 / law.value("alpha")));
    if (amplitudes.size() > 1) set_value(anchored, "E", amplitudes(1));
  }
  anchored.name = law.name + " (amplitudes refitted)";
  anchored.source = law.source + "; exponents kept, amplitudes refitted to the points";
  anchored.range = {};
  return anchored;
}

}  // namespace scalelaw
