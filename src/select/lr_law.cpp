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

constexpr int kLeastFreedom = 2;  ///< points less fitted constants
constexpr double kLeastCondition = 1e-3;
constexpr double kDearNats = 0.005;  ///< about half of what two seeds of the quick study differ by

std::int64_t freedom(const LrLaw& law) { return law.n - (law.params_exponent_given ? 2 : 3); }
double t_quantile(const LrLaw& law) { return student_quantile(0.975, static_cast<double>(freedom(law))); }

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

bool varies(const Eigen::MatrixXd& x, Eigen::Index column) { return x.col(column).squaredNorm() > 1e-12; }

/// Smaller over larger eigenvalue of the correlation matrix of ln N and ln D; 0 where one of them does not vary.
double reciprocal_condition(const Eigen::MatrixXd& x) {
  if (!varies(x, 1) || !varies(x, 2)) return 0;
  const double correlation =
      std::abs(x.col(1).dot(x.col(2))) / std::sqrt(x.col(1).squaredNorm() * x.col(2).squaredNorm());
  return (1 - correlation) / (1 + correlation);
}

/// The points of the law, before anything is fitted to them.
LrLaw unfitted_law(const std::vector<LrSweep>& sweeps, double largest_params) {
  LrLaw law;
  for (const LrSweep& sweep : sweeps) {
    const bool fitted = sweep.params <= largest_params;
    law.open += !fitted && sweep.on_edge() ? 1 : 0;
    law.taken += !fitted && sweep.status == SweepStatus::single ? 1 : 0;
    if (sweep.status != SweepStatus::interior) continue;
    law.points.push_back({.shape = sweep.shape,
                          .params = sweep.params,
                          .tokens = sweep.tokens,
                          .lr = sweep.best_lr,
                          .curvature_nats = sweep.curvature_nats,
                          .fitted = fitted});
    law.n += fitted ? 1 : 0;
  }
  std::ranges::stable_sort(law.points, {}, [](const LrLaw::Point& p) { return std::pair(p.params, p.tokens); });
  return law;
}

/// Fits coefficient and exponents; with params_exponent_given all but that of N, which is subtracted.
void fit_constants(LrLaw& law, const Regression& of) {
  Eigen::MatrixXd x = of.x;
  Eigen::VectorXd y = of.y;
  if (law.params_exponent_given) {
    y -= law.params_exponent * x.col(1);
    x = x(Eigen::all, std::array<Eigen::Index, 2>{0, 2}).eval();
  }
  const Eigen::Index last = x.cols() - 1;
  const Eigen::VectorXd solution = full_rank_least_squares(x, y);
  const double variance = (y - x * solution).squaredNorm() / static_cast<double>(freedom(law));
  const Eigen::MatrixXd covariance = variance * inverse_of_squares(x);
  law.status = LrLawStatus::fitted;
  law.tokens_exponent = solution(last);
  law.tokens_exponent_se = std::sqrt(covariance(last, last));
  if (!law.params_exponent_given) {
    law.params_exponent = solution(1);
    law.params_exponent_se = std::sqrt(covariance(1, 1));
  }
  law.coefficient = std::exp(solution(0) - law.params_exponent * of.means[0] - law.tokens_exponent * of.means[1]);
  law.residual_sd = std::sqrt(variance);
  for (LrLaw::Point& p : law.points) {
    p.law_lr = predict_lr(law, p.params, p.tokens);
    p.ln_residual = std::log(p.lr / p.law_lr);
  }
}

}  // namespace

std::optional<double> promised_params_exponent(Parametrization parametrization) {
  if (parametrization == Parametrization::completep) return 0;
  return std::nullopt;
}

LrLaw fit_lr_law(const std::vector<LrSweep>& sweeps, const LrLawOptions& options) {
  LrLaw law = unfitted_law(sweeps, options.largest_params);
  law.status = LrLawStatus::too_few_points;
  law.needed = (options.params_exponent ? 2 : 3) + kLeastFreedom;
  if (law.n < 2 + kLeastFreedom) return law;
  const Regression regression = regression_of(law);
  const bool enough = law.n >= 3 + kLeastFreedom;
  const bool told = enough && reciprocal_condition(regression.x) >= kLeastCondition;
  if (!told && enough) law.status = LrLawStatus::not_identified;
  if (!told && !(options.params_exponent && varies(regression.x, 2))) return law;
  law.params_exponent_given = !told;
  if (!told) law.params_exponent = *options.params_exponent;
  fit_constants(law, regression);
  return law;
}

double predict_lr(const LrLaw& law, double params, double tokens) {
  SCALELAW_CHECK(law.fitted(), "learning-rate law: {}", law.status);
  return law.coefficient * std::pow(params, law.params_exponent) * std::pow(tokens, law.tokens_exponent);
}

LrLawCheck held_out_check(const LrLaw& law) {
  LrLawCheck check;
  if (!law.fitted()) return check;
  double squares = 0;
  for (const LrLaw::Point& p : law.points) {
    if (p.fitted) continue;
    squares += p.ln_residual * p.ln_residual;
    check.cost_nats += p.law_cost_nats();
    ++check.points;
  }
  if (check.points == 0) return check;
  check.rms_ln_residual = std::sqrt(squares / check.points);
  check.cost_nats /= check.points;
  return check;
}

std::string caution(const LrLaw& law) {
  if (!law.fitted()) return "";
  if (law.open > 0) {
    return fmt::format(
        "the check of the law of the best learning rate is open: at {} larger points the best rate lies on the edge of "
        "the sweep; set design.lr_extend or widen design.learning_rates",
        law.open);
  }
  const LrLawCheck check = held_out_check(law);
  if (check.cost_nats <= kDearNats) return "";
  return fmt::format(
      "the law of the best learning rate fails its check: its rate costs {:.3f} nats at the {} larger points that were "
      "swept, so losses of shapes that took their rate from it may be too high by as much; sweep more sizes (raise "
      "design.lr_transfer_above) or more seeds",
      check.cost_nats, check.points);
}

std::string describe(const LrLaw& law) {
  if (!law.fitted()) {
    return fmt::format("best learning rate: no law ({} interior optima; {})", law.n,
                       law.status == LrLawStatus::not_identified ? "N and D do not vary independently"
                                                                 : fmt::format("{} are needed", law.needed));
  }
  const auto around = [t = t_quantile(law)](const char* name, double x, double se) {
    return fmt::format("{} {:.3f} .. {:.3f}", name, x - t * se, x + t * se);
  };
  std::string out = fmt::format(
      "best learning rate = {:.3g} N^{:.3f} D^{:.3f} ({}95 %: {}), scatter {:.0f} %, {} points", law.coefficient,
      law.params_exponent, law.tokens_exponent, law.params_exponent_given ? "N's exponent is assumed; " : "",
      (law.params_exponent_given ? "" : around("N", law.params_exponent, law.params_exponent_se) + ", ") +
          around("D", law.tokens_exponent, law.tokens_exponent_se),
      100 * std::expm1(law.residual_sd), law.n);
  if (const LrLawCheck check = held_out_check(law); check.points > 0) {
    out += fmt::format(
        "; {} larger points held out, {:.0f} % off (root mean square), where the law's rate costs {:.4f} nats (mean)",
        check.points, 100 * std::expm1(check.rms_ln_residual), check.cost_nats);
  }
  return out;
}

Json to_json(const LrLaw& law) {
  Json points = Json::array();
  for (const LrLaw::Point& p : law.points) {
    Json point = {{"shape", p.shape}, {"params", p.params}, {"tokens", p.tokens}, {"lr", p.lr}, {"fitted", p.fitted}};
    point["law_lr"] = law.fitted() ? Json(p.law_lr) : Json();
    point["ln_residual"] = law.fitted() ? Json(p.ln_residual) : Json();
    point["law_cost_nats"] = law.fitted() ? Json(p.law_cost_nats()) : Json();
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
  value["params_exponent_given"] = law.params_exponent_given;
  value["ci95"] = {{"params_exponent", around(law.params_exponent, law.params_exponent_se)},
                   {"tokens_exponent", around(law.tokens_exponent, law.tokens_exponent_se)}};
  value["residual_sd"] = law.residual_sd;
  return value;
}

}  // namespace scalelaw::inline select
