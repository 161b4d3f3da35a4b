#include "fit/goodness.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/linear_algebra.hpp"
#include "core/stats.hpp"
#include "fit/bootstrap.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kSmallestScale = 1e-9;  // below it residuals are those of arithmetic
constexpr double kRank = 1e-9;

std::vector<std::size_t> free_parameters(const FitResult& fit, const FitOptions& options) {
  const auto& names = law_form(fit.law).parameters;
  std::vector<std::size_t> out;
  for (std::size_t k = 0; k < names.size(); ++k) {
    if (!options.fixed.contains(names[k]) && shows_parameter(fit.fitted, k)) out.push_back(k);
  }
  return out;
}

double residual_scale(const std::vector<Residual>& residuals, std::size_t parameters, bool huber) {
  std::vector<double> size;
  for (const Residual& r : residuals) size.push_back(std::abs(r.residual));
  return std::max(robust_scatter(std::move(size), parameters, huber), kSmallestScale);
}

// |t| that one of `trials` residuals exceeds in one data set of a hundred.
double limit_of(std::size_t n, std::size_t parameters, std::size_t trials) {
  return outlier_limit(n, parameters, trials, kGoodnessLevel);
}

// Everything before the last separator: "exp17-d128" -> "exp17".
std::string run_prefix(const std::string& run) {
  const std::size_t at = run.find_last_of("-_/. ");
  return at == std::string::npos ? std::string() : run.substr(0, at);
}

// Whether a series owes more than half of its mean's size to a single row, which is an outlier and no series.
bool of_one_row(const std::vector<double>& values) {
  double sum = 0, largest = 0;
  for (const double x : values) {
    sum += x;
    if (std::abs(x) > std::abs(largest)) largest = x;
  }
  const auto m = static_cast<double>(values.size());
  return std::abs(sum - largest) / std::sqrt(m - 1) < 0.5 * std::abs(sum) / std::sqrt(m);
}

struct Worst {
  std::optional<SeriesResidual> series;
  std::size_t compared = 0;
};

Worst worst_series_of(const std::vector<Observation>& points, const std::vector<double>& residual, double scale) {
  const std::vector<std::pair<const char*, std::function<std::string(const Observation&)>>> factors = {
      {"group", [](const Observation& o) { return o.group; }},
      {"shape", [](const Observation& o) { return o.shape; }},
      {"budget", [](const Observation& o) { return o.budget > 0 ? fmt::format("{:.6g}", o.budget) : std::string(); }},
      {"run prefix", [](const Observation& o) { return run_prefix(o.run); }},
      {"N", [](const Observation& o) { return o.params > 0 ? fmt::format("{:.6g}", o.params) : std::string(); }},
      {"D", [](const Observation& o) { return o.tokens > 0 ? fmt::format("{:.6g}", o.tokens) : std::string(); }}};
  Worst worst;
  for (const auto& [by, level] : factors) {
    std::map<std::string, std::vector<double>> members;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (const std::string name = level(points[i]); !name.empty()) members[name].push_back(residual[i]);
    }
    for (const auto& [name, values] : members) {
      if (values.size() < 2 || values.size() == points.size()) continue;
      ++worst.compared;
      SeriesResidual s{.by = by, .name = name, .points = std::ssize(values), .mean = mean(values), .standardised = 0};
      s.standardised = s.mean * std::sqrt(static_cast<double>(values.size())) / scale;
      if (of_one_row(values)) continue;
      if (!worst.series || std::abs(s.standardised) > std::abs(worst.series->standardised)) worst.series = s;
    }
  }
  return worst;
}

// Columns of quadratic terms in the logarithms of what the law looks at: squares first, then products.
Eigen::MatrixXd quadratic_terms(const LawForm& form, const std::vector<Observation>& points) {
  const auto n = static_cast<Eigen::Index>(points.size());
  std::vector<Eigen::ArrayXd> logs;
  for (const Quantity quantity : all_of<Quantity>()) {
    if (!form.needs(quantity)) continue;
    Eigen::ArrayXd x(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      x(i) = std::log(quantity_of(law_point(points[static_cast<std::size_t>(i)]), quantity));
    }
    logs.push_back(x - x.mean());
  }
  const auto m = static_cast<Eigen::Index>(logs.size());
  Eigen::MatrixXd q(n, m * (m + 1) / 2);
  Eigen::Index column = 0;
  for (std::size_t apart = 0; apart < logs.size(); ++apart) {
    for (std::size_t k = 0; k + apart < logs.size(); ++k) q.col(column++) = (logs[k] * logs[k + apart]).matrix();
  }
  return q;
}

LeftOver of_normed_columns(Eigen::MatrixXd a, const Eigen::VectorXd& b) {
  for (Eigen::Index k = 0; k < a.cols(); ++k) {
    const double norm = a.col(k).norm();
    if (norm > 0 && std::isfinite(norm)) a.col(k) /= norm;
  }
  return left_over(a, b, kRank);
}

std::optional<LackOfFit> lack_of_fit(const FitResult& fit, const std::vector<Observation>& all,
                                     const std::vector<double>& residual, double limit,
                                     const std::vector<std::size_t>& free) {
  std::vector<Observation> points;
  std::vector<double> r;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (std::abs(residual[i]) > limit) continue;  // outliers are named apart
    points.push_back(all[i]);
    r.push_back(residual[i]);
  }
  const auto n = static_cast<Eigen::Index>(points.size()), p = static_cast<Eigen::Index>(free.size());
  if (n < p + 4) return std::nullopt;
  Eigen::MatrixXd tangent(n, p), quadratic = quadratic_terms(law_form(fit.law), points);
  Eigen::VectorXd b(n);
  std::vector<double> gradient(fit.fitted.values.size());
  for (Eigen::Index i = 0; i < n; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const LawPoint at = law_point(points[k]);
    const double predicted = loss_and_gradient(fit.fitted, at, gradient);
    // Residuals in the units of the objective, times the root of the point's weight.
    const double unit =
        std::sqrt(points[k].weight) * (fit.parametric().objective.kind == ObjectiveKind::mse ? predicted : 1.0);
    for (Eigen::Index j = 0; j < p; ++j) {
      const std::size_t at_value = free[static_cast<std::size_t>(j)];
      tangent(i, j) = unit * gradient[at_value] * fit.fitted.values[at_value] / predicted;
    }
    quadratic.row(i) *= unit;
    b(i) = unit * r[k];
  }
  if (!tangent.allFinite() || !quadratic.allFinite()) return std::nullopt;
  Eigen::MatrixXd both(n, p + quadratic.cols());
  both << tangent, quadratic;
  const LeftOver law = of_normed_columns(tangent, b), more = of_normed_columns(both, b);
  LackOfFit out{.freedom = static_cast<double>(more.rank - law.rank), .rest = static_cast<double>(n - more.rank)};
  if (out.freedom < 1 || out.rest < 3 || !(more.squares > 0)) return std::nullopt;
  out.explained = 1 - more.squares / law.squares;
  out.f = std::max(0.0, law.squares - more.squares) / out.freedom / (more.squares / out.rest);
  if (!std::isfinite(out.f)) return std::nullopt;
  out.p = f_tail(out.f, out.freedom, out.rest);
  return out;
}

}  // namespace

// Rows a group, on average, from which groups decide how much the points can tell.
constexpr std::size_t kRowsOfGroup = 4;

Goodness goodness_of(const FitResult& fit, const std::vector<Observation>& all, const FitOptions& options) {
  Goodness g;
  if (fit.fitted.values.empty() || !options.goodness) return g;
  const bool optimum = law_form(fit.law).predicts_size;
  std::vector<Observation> points;
  std::vector<double> residual, log_observed;
  double squares = 0, variance = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Observation& o = all[i];
    if (!(o.weight > 0)) continue;
    const double observed = optimum ? o.params : o.loss_nats, predicted = predict_loss(fit.fitted, law_point(o));
    if (!(observed > 0) || !(predicted > 0) || !std::isfinite(predicted)) return {};
    const double r = std::log(observed / predicted);
    points.push_back(o);
    residual.push_back(r);
    log_observed.push_back(std::log(observed));
    squares += r * r;
    if (options.noise && !optimum) variance += std::pow(options.noise->at(observed), 2) / o.seeds;
    g.residuals.push_back({i + 1, o.run, o.params, o.tokens, o.flops, observed, predicted, r, 0});
  }
  if (points.size() < 2) return {};
  const auto n = static_cast<double>(points.size());
  g.n = std::ssize(points);
  g.rms = std::sqrt(squares / n);
  const double total = standard_deviation(log_observed) * std::sqrt(n - 1);
  g.r_squared = total > 0 ? 1 - squares / (total * total) : std::numeric_limits<double>::quiet_NaN();
  if (options.noise && !optimum) g.noise = std::sqrt(variance / n);
  std::ranges::stable_sort(g.residuals, std::greater<>(), [](const Residual& r) { return std::abs(r.residual); });
  const std::vector<std::size_t> free = free_parameters(fit, options);
  g.scale = residual_scale(g.residuals, free.size(), fit.parametric().objective.kind == ObjectiveKind::log_huber);
  g.limit = limit_of(points.size(), free.size(), points.size());
  for (Residual& r : g.residuals) {
    r.standardised = r.residual / g.scale;
    if (std::abs(r.standardised) > g.limit) ++g.outliers;
  }
  const Worst worst = worst_series_of(points, residual, g.scale);
  g.worst_series = worst.series;
  g.series_stands_out =
      worst.series && std::abs(worst.series->standardised) > limit_of(points.size(), free.size(), worst.compared);
  // Where residuals are those of arithmetic there is nothing to test.
  if (g.rms > 1e3 * kSmallestScale && fit.converged()) {
    g.lack_of_fit = lack_of_fit(fit, points, residual, g.limit * g.scale, free);
  }
  // Rows of one run, or of one trunk, move together: the tests above take them as independent.
  const std::vector<std::size_t> units = resampling_units(points, Resample::groups);
  if (points.size() > kRowsOfGroup * (*std::ranges::max_element(units) + 1)) {
    g.outliers = 0;
    g.series_stands_out = false;
    g.lack_of_fit.reset();
  }
  return g;
}

}  // namespace scalelaw::inline fit
