#include "select/lr_law.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/format.hpp"
#include "core/linear_algebra.hpp"
#include "core/stats.hpp"

namespace scalelaw::inline select {
namespace {

constexpr std::int64_t kLeastPoints = 5;
constexpr double kLeastCondition = 1e-3;

double t_quantile(const LrLaw& law) { return student_quantile(0.975, static_cast<double>(law.n - 3)); }

/// ln lr of the fitted points against their design matrix (1, ln N - its mean, ln D - its mean).
struct Regression {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
  std::array<double, 2> means{};  ///< of ln N and ln D
};
Regression regression_of(const LrLaw& law) {
  Regression out{.x = Eigen::MatrixXd(law.n, 3), .y = Eigen::VectorXd(law.n)};
  auto& [x, y, means] = out;
  Eigen::Index row = 0;
  for (const LrLaw::Point& p : law.points) {
    if (!p.fitted) continue;
    x.row(row) << 1, std::log(p.params), std::log(p.tokens);
    y(row++) = std::log(p.lr);
  }
  for (const int column : {1, 2}) {
    double& mean = means.at(static_cast<std::size_t>(column - 1));
    mean = x.col(column).mean();
    x.col(column).array() -= mean;
  }
  return out;
}

/// Smaller over larger eigenvalue of the correlation matrix of ln N and ln D; 0 where one of them does not vary.
double reciprocal_condition(const Eigen::MatrixXd& x) {
  const double nn = x.col(1).squaredNorm(), dd = x.col(2).squaredNorm(), nd = x.col(1).dot(x.col(2));
  if (!(nn > 1e-12) || !(dd > 1e-12)) return 0;
  const double correlation = std::abs(nd) / std::sqrt(nn * dd);
  return (1 - correlation) / (1 + correlation);
}

}  // namespace

LrLaw fit_lr_law(const std::vector<LrSweep>& sweeps, double largest_params) {
  LrLaw law;
  for (const LrSweep& sweep : sweeps) {
    if (sweep.status != SweepStatus::interior) continue;
    const bool fitted = sweep.params <= largest_params;
    law.points.push_back({sweep.shape, sweep.params, sweep.tokens, sweep.best_lr, 0, 0, fitted});
    law.n += fitted ? 1 : 0;
  }
  std::ranges::stable_sort(law.points, {}, [](const LrLaw::Point& p) { return std::pair(p.params, p.tokens); });
  law.status = LrLawStatus::too_few_points;
  if (law.n < kLeastPoints) return law;
  const auto [x, y, means] = regression_of(law);
  law.status = LrLawStatus::not_identified;
  if (reciprocal_condition(x) < kLeastCondition) return law;
  law.status = LrLawStatus::fitted;
  const Eigen::VectorXd solution = full_rank_least_squares(x, y);
  const double variance = (y - x * solution).squaredNorm() / static_cast<double>(law.n - 3);
  const Eigen::Matrix3d covariance = variance * inverse_of_squares(x);
  law.params_exponent = solution(1);
  law.tokens_exponent = solution(2);
  law.coefficient = std::exp(solution(0) - solution(1) * means[0] - solution(2) * means[1]);
  law.params_exponent_se = std::sqrt(covariance(1, 1));
  law.tokens_exponent_se = std::sqrt(covariance(2, 2));
  law.residual_sd = std::sqrt(variance);
  for (LrLaw::Point& p : law.points) {
    p.law_lr = predict_lr(law, p.params, p.tokens);
    p.ln_residual = std::log(p.lr / p.law_lr);
  }
  return law;
}

double predict_lr(const LrLaw& law, double params, double tokens) {
  SCALELAW_CHECK(law.fitted(), "learning-rate law: {}", law.status);
  return law.coefficient * std::pow(params, law.params_exponent) * std::pow(tokens, law.tokens_exponent);
}

std::string describe(const LrLaw& law) {
  if (!law.fitted()) {
    return fmt::format(
        "best learning rate: no law ({} interior optima; {})", law.n,
        law.status == LrLawStatus::not_identified ? "N and D do not vary independently" : "5 are needed");
  }
  const double t = t_quantile(law);
  std::string out = fmt::format(
      "best learning rate = {:.3g} N^{:.3f} D^{:.3f} (95 %: N {:.3f} .. {:.3f}, D {:.3f} .. {:.3f}), scatter {:.0f} %, "
      "{} points",
      law.coefficient, law.params_exponent, law.tokens_exponent, law.params_exponent - t * law.params_exponent_se,
      law.params_exponent + t * law.params_exponent_se, law.tokens_exponent - t * law.tokens_exponent_se,
      law.tokens_exponent + t * law.tokens_exponent_se, 100 * std::expm1(law.residual_sd), law.n);
  double squares = 0;
  int held_out = 0;
  for (const LrLaw::Point& p : law.points) {
    if (p.fitted) continue;
    squares += p.ln_residual * p.ln_residual;
    ++held_out;
  }
  if (held_out > 0) {
    out += fmt::format("; {} larger points held out, {:.0f} % off (root mean square)", held_out,
                       100 * std::expm1(std::sqrt(squares / held_out)));
  }
  return out;
}

Json to_json(const LrLaw& law) {
  Json points = Json::array();
  for (const LrLaw::Point& p : law.points) {
    Json point = {{"shape", p.shape}, {"params", p.params}, {"tokens", p.tokens}, {"lr", p.lr}, {"fitted", p.fitted}};
    point["law_lr"] = law.fitted() ? Json(p.law_lr) : Json();
    point["ln_residual"] = law.fitted() ? Json(p.ln_residual) : Json();
    points.push_back(std::move(point));
  }
  Json value = {{"schema", "scalelaw.lr_law/1"}, {"status", law.status}, {"n", law.n}, {"points", points}};
  if (!law.fitted()) return value;
  const double t = t_quantile(law);
  const auto around = [&](double x, double se) { return Json::array({x - t * se, x + t * se}); };
  value["params"] = {{"coefficient", law.coefficient},
                     {"params_exponent", law.params_exponent},
                     {"tokens_exponent", law.tokens_exponent}};
  value["se"] = {{"params_exponent", law.params_exponent_se}, {"tokens_exponent", law.tokens_exponent_se}};
  value["ci95"] = {{"params_exponent", around(law.params_exponent, law.params_exponent_se)},
                   {"tokens_exponent", around(law.tokens_exponent, law.tokens_exponent_se)}};
  value["residual_sd"] = law.residual_sd;
  return value;
}

}  // namespace scalelaw::inline select
